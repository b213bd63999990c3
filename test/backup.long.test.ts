import { appendFileSync, chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it } from '@jest/globals';
import { describeWhere } from './support/where.js';
import { hasPostgres, PostgresCluster, postgresFolder, runPostgres } from './support/postgres-cluster.js';
import { cleanUp, newFolder, ServerProcess } from './support/process.js';
import { bearer, claimsOf, newEmail, TEST_SECRET_KEY } from './support/server.js';

const PASSWORD = 'an example of a password';

const clusters: PostgresCluster[] = [];

afterEach(async () => {
  for (const cluster of clusters.splice(0)) await cluster.stop();
  await cleanUp();
});

afterAll(cleanUp);

const settingsOf = (url: string) => ({
  DATABASE_URL: url,
  SECRET_KEY: TEST_SECRET_KEY,
  PUBLIC_URL: 'http://latchkey.test',
  BCRYPT_COST: '4',
  RATE_LIMIT_PER_MINUTE: '0',
  FRONTEND_AUTH: 'none',
  DATA_DIR: newFolder(),
});

const serve = async (url: string) => (await ServerProcess.start(settingsOf(url))).ready();

async function clusterWith(database: string, settings: string[] = []): Promise<PostgresCluster> {
  const cluster = await (await PostgresCluster.create(settings)).start();
  clusters.push(cluster);
  cluster.query('postgres', `CREATE DATABASE ${database}`);
  return cluster;
}

interface Person {
  email: string;
  id: string;
  token: string;
}

async function signUp(server: ServerProcess): Promise<Person> {
  const email = newEmail();
  const { status, body } = await server.call('POST', '/accounts', { account: { email, password: PASSWORD } });
  expect(status).toBe(201);
  const { token } = body as { token: string };
  return { email, token, id: claimsOf(token).data.id };
}

const look = async (server: ServerProcess, { id, token }: Person) =>
  (await server.call('GET', `/accounts/${id}`, undefined, bearer(token))).status;

const signOut = async (server: ServerProcess, { token }: Person) =>
  (await server.call('DELETE', '/account/session', undefined, bearer(token))).status;

const signIn = async (server: ServerProcess, { email }: Person) =>
  (await server.call('POST', '/account/session', { account: { email, password: PASSWORD } })).status;

const describeBackup = describeWhere({
  has: hasPostgres,
  otherwise: 'there is no PostgreSQL with its tools (apt-get install postgresql)',
});

describeBackup('A restore', () => {
  it('of a dump serves whoever was there, and revives what was revoked since', async () => {
    const cluster = await clusterWith('latchkey');
    const before = await serve(cluster.urlOf('latchkey'));
    const [kept, revoked] = [await signUp(before), await signUp(before)];
    const dump = join(postgresFolder(), 'latchkey.dump');
    runPostgres('pg_dump', ['--format=custom', `--file=${dump}`, cluster.urlOf('latchkey')]);
    expect(await signOut(before, revoked)).toBe(200);
    const late = await signUp(before);
    expect((await before.stop()).code).toBe(0);

    cluster.query('postgres', 'CREATE DATABASE restored');
    const url = cluster.urlOf('restored');
    runPostgres('pg_restore', ['--exit-on-error', '--no-owner', '--single-transaction', `--dbname=${url}`, dump]);
    const after = await serve(url);
    expect(await look(after, kept)).toBe(200);
    expect(await signIn(after, late)).toBe(401);
    expect(await look(after, revoked)).toBe(200);
  }, 180_000);

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
    clusters.push(restored);
    appendFileSync(join(base, 'recovery.signal'), '');
    await restored.start();
    const after = await serve(restored.urlOf('latchkey'));
    expect(await look(after, early)).toBe(200);
    expect(await signIn(after, between)).toBe(200);
    expect(await signIn(after, late)).toBe(401);
  }, 180_000);
});
