import { appendFileSync, chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import {
  adminAt,
  checkApiToken,
  clusterWith,
  dump,
  isUsed,
  latchkey,
  latchkeyWith,
  look,
  newApiToken,
  restore,
  revokeApiTokens,
  serve,
  signIn,
  signOut,
  signUp,
  stopClusters,
} from './support/backup.js';
import { hasPostgres, PostgresCluster, postgresFolder, runPostgres } from './support/postgres-cluster.js';
import { cleanUp, eventually, newFolder, type ServerProcess } from './support/process.js';
import { describeWhere } from './support/where.js';

afterEach(async () => {
  await stopClusters();
  await cleanUp();
});

afterAll(cleanUp);

const describeBackup = describeWhere({
  has: hasPostgres,
  otherwise: 'there is no PostgreSQL with its tools (apt-get install postgresql)',
});

/** The audit log as it is exported, of which nobody's token is good any more. */
const EXPORTED = `SELECT json_build_object('id', id, 'at', at, 'kind', kind, 'outcome', outcome, 'subject', subject, 'details', details)
  FROM audit_events ORDER BY at`;

describeBackup('A restore', () => {
  describe('of a dump', () => {
    /** A database that was dumped, where some of what people had was ended after that, and is restored. */
    async function ofThePast() {
      const cluster = await clusterWith('latchkey');
      const before = await serve(cluster.urlOf('latchkey'));
      const admin = await adminAt(before);
      const [kept, signedOut, disabled, deleted] = [
        await signUp(before),
        await signUp(before),
        await signUp(before),
        await signUp(before),
      ];
      const api = { kept: await newApiToken(before, 'KEPT'), revoked: await newApiToken(before, 'REVOKED') };
      const path = dump(cluster.urlOf('latchkey'));
      expect(await signOut(before, signedOut)).toBe(200);
      const change = { disabled: true };
      const changed = await before.call('PATCH', `/api/v1/accounts/${disabled.id}`, change, admin);
      expect(changed.status).toBe(200);
      const gone = await before.call('DELETE', `/api/v1/accounts/${deleted.id}`, undefined, admin);
      expect(gone.status).toBe(204);
      await revokeApiTokens(before, 'REVOKED');
      const late = await signUp(before);
      const log = await before.call('GET', '/api/v1/audit_events/', undefined, {
        ...admin,
        accept: 'application/x-ndjson',
      });
      expect(log.status).toBe(200);
      const events = join(newFolder(), 'audit-log.ndjson');
      writeFileSync(events, log.body as string);
      expect((await before.stop()).code).toBe(0);

      const url = restore(cluster, path);
      await latchkey(url, 'migrate');
      const statuses = async (server: ServerProcess) => ({
        kept: await look(server, kept),
        signedOut: await look(server, signedOut),
        disabled: await look(server, disabled),
        deleted: await look(server, deleted),
        admin: (await server.call('GET', '/api/v1/tokens/', undefined, admin)).status,
        keptApi: await checkApiToken(server, api.kept),
        revokedApi: await checkApiToken(server, api.revoked),
        late: await signIn(server, late),
      });
      return { url, events, statuses, kept, signedOut, disabled, deleted };
    }

    const REVIVED = {
      ...{ kept: 200, signedOut: 200, disabled: 200, deleted: 200, admin: 200, keptApi: 200, revokedApi: 200 },
      late: 401,
    };

    it('serves whoever was there, and revives what was ended since, until revoke-everything ends it all', async () => {
      const { url, statuses, kept, signedOut } = await ofThePast();
      const server = await serve(url);
      expect(await statuses(server)).toEqual(REVIVED);
      await latchkey(url, 'revoke-everything', '--yes');
      expect(await statuses(server)).toEqual(Object.fromEntries(Object.keys(REVIVED).map((what) => [what, 401])));
      for (const person of [kept, signedOut]) expect(await signIn(server, person)).toBe(200);
    });

    it('revives, after revoke-everything --events, nothing that the audit log says was ended, and leaves the rest', async () => {
      const { url, events, statuses, signedOut, disabled, deleted } = await ofThePast();
      const told = await latchkey(url, 'revoke-everything', '--events', events, '--yes');
      expect(told).toContain(deleted.id);
      const server = await serve(url);
      expect(await statuses(server)).toEqual({
        ...REVIVED,
        ...{ signedOut: 401, disabled: 401, deleted: 401, revokedApi: 401 },
      });
      expect(await signIn(server, signedOut)).toBe(200);
      for (const person of [disabled, deleted]) expect(await signIn(server, person)).toBe(401);
    });

    it('revives, after revoke-everything --events, nothing that an earlier revoke-everything has ended', async () => {
      const cluster = await clusterWith('latchkey');
      const before = await serve(cluster.urlOf('latchkey'));
      const admin = await adminAt(before);
      const [person, api] = [await signUp(before), await newApiToken(before, 'GATEWAY')];
      const path = dump(cluster.urlOf('latchkey'));
      await latchkey(cluster.urlOf('latchkey'), 'revoke-everything', '--yes');
      await eventually(async () => {
        expect([await look(before, person), await checkApiToken(before, api)]).toEqual([401, 401]);
      });
      const log = cluster.query('latchkey', EXPORTED);
      expect((await before.stop()).code).toBe(0);

      const url = restore(cluster, path);
      await latchkey(url, 'migrate');
      const events = join(newFolder(), 'audit-log.ndjson');
      writeFileSync(events, log);
      const told = await latchkey(url, 'revoke-everything', '--events', events, '--yes');
      expect(told).not.toContain('Not done');
      const server = await serve(url);
      expect(await look(server, person)).toBe(401);
      expect(await checkApiToken(server, api)).toBe(401);
      expect((await server.call('GET', '/api/v1/tokens/', undefined, admin)).status).toBe(401);
      expect(await signIn(server, person)).toBe(200);
    });

    it('without the SECRET_KEY serves by passwords and tokens after `keys rotate --compromised`, as docs/backup.md has it', async () => {
      const { url, statuses, kept } = await ofThePast();
      const other = { SECRET_KEY: 'the secret key that comes after the lost one' };
      await expect(serve(url, other)).rejects.toThrow();
      await expect(latchkeyWith(other, url, 'revoke-everything', '--yes')).rejects.toThrow('keys rotate --compromised');
      const rotate = ['keys', 'rotate', '--compromised'];
      await expect(latchkeyWith(other, url, ...rotate)).rejects.toThrow('Pass --yes');
      expect(await latchkeyWith(other, url, ...rotate, '--yes')).toContain('Everybody signs in again');
      const server = await serve(url, other);
      expect(await statuses(server)).toEqual({
        ...REVIVED,
        ...{ kept: 401, signedOut: 401, disabled: 401, deleted: 401 },
      });
      expect(await signIn(server, kept)).toBe(200);
      await latchkeyWith(other, url, 'revoke-everything', '--yes');
      expect(await statuses(server)).toMatchObject({ admin: 401, keptApi: 401 });
      expect(await signIn(server, kept)).toBe(200);
    });
  });

  it('to a point in time has what was done before it, and nothing of later', async () => {
    const archive = join(postgresFolder(), 'archive');
    mkdirSync(archive);
    chmodSync(archive, 0o777);
    const cluster = await clusterWith('latchkey', [
      'archive_mode = on',
      `archive_command = 'test ! -f ${archive}/%f && cp %p ${archive}/%f'`,
    ]);
    const server = await serve(cluster.urlOf('latchkey'));
    const early = await signUp(server);
    const base = join(postgresFolder(), 'base');
    runPostgres('pg_basebackup', [
      '-d',
      cluster.urlOf('postgres'),
      '-D',
      base,
      '--checkpoint=fast',
      '--wal-method=fetch',
    ]);
    const between = await signUp(server);
    const moment = cluster.query('postgres', 'SELECT clock_timestamp()');
    const late = await signUp(server);
    expect((await server.stop()).code).toBe(0);
    cluster.query('postgres', 'SELECT pg_switch_wal()');
    await cluster.shutDown();

    const settings = [
      'archive_mode = off',
      `restore_command = 'cp ${archive}/%f %p'`,
      `recovery_target_time = '${moment}'`,
      'recovery_target_action = promote',
    ];
    const restored = await PostgresCluster.at(base, settings);
    isUsed(restored);
    appendFileSync(join(base, 'recovery.signal'), '');
    await restored.start();
    const after = await serve(restored.urlOf('latchkey'));
    expect(await look(after, early)).toBe(200);
    expect(await signIn(after, between)).toBe(200);
    expect(await signIn(after, late)).toBe(401);
  });
});
