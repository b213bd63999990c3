import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { revokeEverything } from '../../src/commands/revoke-everything.command.js';
import { Commands, NEVER } from '../support/commands.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { newAccessToken, newClient, postForm } from '../support/oauth.js';
import { eventually } from '../support/process.js';
import { bearer, signUp, startServer, type TestServer } from '../support/server.js';
import { Revocations } from '../../src/revocations/revocations.service.js';
import { logIn, newApiToken, newAppToken, rowOf, signedInAdmin, signedInUser } from '../support/tokens.js';

let database: TestDatabase;
let server: TestServer;
let commands: Commands;

const YES = { yes: true, json: true };

beforeEach(async () => {
  database = await createDatabase();
  server = await startServer(database.connection);
  commands = new Commands(database, server);
});

afterEach(async () => {
  commands.close();
  await server.close();
  await database.drop();
});

const open = (email: string, password: string) =>
  server.call('POST', '/account/session', { account: { email, password, remember_me: true } });

/** What somebody has of each kind, and how the server answers it. */
async function everything() {
  const admin = await signedInAdmin(server);
  const user = await signedInUser(server);
  const session = (await open(user.email, user.password)).body as { token: string; refresh_token: string };
  const client = await newClient(server, { ownerId: admin.id });
  const ownerless = await newClient(server);
  const api = await newApiToken(server, admin.appToken, 'GATEWAY');
  const access = [await newAccessToken(server, client), await newAccessToken(server, ownerless)];
  await server.call('POST', '/account/password', { account: { email: user.email } });
  const statuses = async () =>
    Promise.all([
      server.call('GET', `/accounts/${user.id}`, undefined, bearer(session.token)),
      server.call('GET', '/api/v1/tokens/', undefined, user.headers),
      server.call('GET', '/api/v1/tokens/', undefined, admin.headers),
      server.call('GET', '/v1/api/auth', undefined, bearer(api)),
      ...access.map((token) => server.call('GET', '/api/accounts', undefined, bearer(token))),
    ]).then((answers) => answers.map(({ status }) => status));
  return { admin, user, session, client, ownerless, statuses };
}

it('revoke-everything ends what everybody has open, on a running server, and no password nor secret of a client', async () => {
  const { user, session, client, statuses } = await everything();
  expect(await statuses()).toEqual([200, 200, 200, 200, 200, 200]);
  const told = JSON.parse(await commands.run('revoke-everything', () => revokeEverything(NEVER, YES)));
  expect(told).toEqual({ accounts: 2, api_tokens: 1, ownerless_clients: 1 });
  await eventually(async () => {
    expect(await statuses()).toEqual([401, 401, 401, 401, 401, 401]);
  });
  const refreshed = { account: { refresh_token: session.refresh_token, remember_me: true } };
  expect(await server.call('PUT', '/account/session', refreshed)).toMatchObject({ status: 401 });
  const left = await database.query(
    `SELECT 'session' FROM sessions WHERE revoked_at IS NULL UNION ALL SELECT kind FROM tokens WHERE revoked_at IS NULL
     UNION ALL SELECT 'reset' FROM password_resets WHERE ended_at IS NULL AND account_id IS NOT NULL`,
  );
  expect(left).toEqual([]);
  expect(await open(user.email, user.password)).toMatchObject({ status: 200 });
  expect(await postForm(server, '/oauth/token', {}, client.basic)).toMatchObject({ status: 200 });
  const events = await database.query(
    `SELECT kind, details FROM audit_events WHERE kind LIKE 'revocation.%' ORDER BY at, kind DESC`,
  );
  expect(events).toEqual([
    { kind: 'revocation.started', details: expect.objectContaining({ by: 'command', of: 'everything' }) },
    { kind: 'revocation.finished', details: expect.objectContaining({ accounts: 2, apiTokens: 1 }) },
  ]);
});

it('Broken off, it is run again; more accounts than a batch has are all ended', async () => {
  await database.query(
    `WITH a AS (INSERT INTO accounts (email, individual) SELECT 'n' || n || '@example.org', true FROM generate_series(1, 600) n RETURNING id)
     INSERT INTO sessions (account_id, expires_at) SELECT id, now() + interval '1 day' FROM a`,
  );
  const stopped = new AbortController();
  const run = (signal: AbortSignal) => commands.run('revoke-everything', () => revokeEverything(signal, YES));
  stopped.abort(new Error('Stopped.'));
  await expect(run(stopped.signal)).rejects.toThrow('Stopped.');
  expect(JSON.parse(await run(NEVER))).toMatchObject({ accounts: 600 });
  expect(await database.query('SELECT FROM sessions WHERE revoked_at IS NULL')).toEqual([]);
});

it('After a restore, --events ends again what an exported audit log says was ended, and nothing else', async () => {
  const { admin, user, client, statuses } = await everything();
  const other = await signedInUser(server);
  const gone = await signUp(server);
  const restored = await database.query<{ id: string }>('SELECT id FROM tokens');
  await server.call('DELETE', `/api/v1/accounts/${gone.id}`, undefined, admin.headers);
  await server.call('PATCH', `/api/v1/accounts/${user.id}`, { disabled: true }, admin.headers);
  await server.call('POST', `/api/v1/oauth_clients/${client.id}/revoke`, undefined, admin.headers);
  const exported = await server.call('GET', '/api/v1/audit_events/', undefined, {
    ...admin.headers,
    accept: 'application/x-ndjson',
  });
  // As though it had been restored from before.
  await database.query('UPDATE tokens SET revoked_at = NULL WHERE id = ANY ($1)', [restored.map(({ id }) => id)]);
  await database.query('UPDATE sessions SET revoked_at = NULL');
  await database.query('UPDATE accounts SET disabled_at = NULL WHERE id = $1', [user.id]);
  await database.query('INSERT INTO accounts (id, email, individual) VALUES ($1, $2, true)', [gone.id, gone.email]);
  await database.query(
    `UPDATE tokens SET client_epoch = (SELECT epoch FROM oauth_clients WHERE id = $1) WHERE client_id = $1`,
    [client.id],
  );
  const file = commands.file(exported.body as string);
  const told = JSON.parse(
    await commands.run('revoke-everything', () => revokeEverything(NEVER, { ...YES, events: file })),
  );
  expect(told).toMatchObject({ accounts: 2, disabled: 2, clients: 1, deleted: [gone.id], left: [] });
  await eventually(async () => {
    expect(await statuses()).toEqual([401, 401, 200, 200, 401, 200]);
  });
  expect(await server.call('GET', '/api/v1/tokens/', undefined, other.headers)).toMatchObject({ status: 200 });
  const disabled = await database.query('SELECT id FROM accounts WHERE disabled_at IS NOT NULL ORDER BY id');
  expect(disabled).toEqual([user.id, gone.id].sort().map((id) => ({ id })));
});

/** The audit log, as it is exported. */
async function exported(headers: Record<string, string>): Promise<string> {
  const accept = { accept: 'application/x-ndjson' };
  return (await server.call('GET', '/api/v1/audit_events/', undefined, { ...headers, ...accept })).body as string;
}

const byLog = async (log: string) =>
  JSON.parse(
    await commands.run('revoke-everything', () => revokeEverything(NEVER, { ...YES, events: commands.file(log) })),
  ) as Record<string, unknown>;

/** What is open in the database, as though this moment were restored later. */
async function snapshot() {
  const ids = async (statement: string) => (await database.query<{ id: string }>(statement)).map(({ id }) => id);
  const [sessions, tokens] = [await ids('SELECT id FROM sessions'), await ids('SELECT id FROM tokens')];
  const resets = await ids('SELECT id FROM password_resets');
  return async () => {
    await database.query('UPDATE sessions SET revoked_at = NULL WHERE id = ANY ($1)', [sessions]);
    await database.query(
      `UPDATE tokens t SET revoked_at = NULL, client_epoch = (SELECT epoch FROM oauth_clients c WHERE c.id = t.client_id)
       WHERE t.id = ANY ($1)`,
      [tokens],
    );
    await database.query('UPDATE password_resets SET ended_at = NULL WHERE id = ANY ($1)', [resets]);
  };
}

describe('After a restore from before an earlier revoke-everything, --events', () => {
  it('ends again all that this had ended, and nothing that was made after it', async () => {
    const { admin, user, session, client, ownerless, statuses } = await everything();
    const restore = await snapshot();
    await commands.run('revoke-everything', () => revokeEverything(NEVER, YES));
    const later = await signedInUser(server);
    const [owner, renewed] = [await signedInAdmin(server), await open(user.email, user.password)];
    const made = await newApiToken(server, owner.appToken, 'GATEWAY');
    const access = [await newAccessToken(server, client), await newAccessToken(server, ownerless)];
    const log = await exported(owner.headers);
    await restore();
    // Another process has done it, so that what this one remembers is of the past.
    for (const { id } of [admin, user]) {
      await server.app.get(Revocations).during(`account ${id}`, () => Promise.resolve());
    }
    expect(await statuses()).toEqual([200, 200, 200, 200, 200, 200]);

    expect(await byLog(log)).toMatchObject({ accounts: 2, tokens: 1, clients: 1, left: [] });
    await eventually(async () => {
      expect(await statuses()).toEqual([401, 401, 401, 401, 401, 401]);
    });
    const refreshed = { account: { refresh_token: session.refresh_token, remember_me: true } };
    expect(await server.call('PUT', '/account/session', refreshed)).toMatchObject({ status: 401 });
    const resets = 'SELECT FROM password_resets WHERE ended_at IS NULL AND account_id IS NOT NULL';
    expect(await database.query(resets)).toEqual([]);

    const answers = await Promise.all([
      server.call('GET', `/accounts/${user.id}`, undefined, bearer((renewed.body as { token: string }).token)),
      server.call('GET', '/api/v1/tokens/', undefined, later.headers),
      server.call('GET', '/api/v1/tokens/', undefined, owner.headers),
      server.call('GET', '/v1/api/auth', undefined, bearer(made)),
      ...access.map((token) => server.call('GET', '/api/accounts', undefined, bearer(token))),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
    expect(await byLog(log)).toMatchObject({ accounts: 0, tokens: 0, clients: 0 });
  });

  it('ends what was there when one began that was broken off, and says so', async () => {
    const { admin, statuses } = await everything();
    const stopped = new AbortController();
    stopped.abort(new Error('Stopped.'));
    await expect(commands.run('revoke-everything', () => revokeEverything(stopped.signal, YES))).rejects.toThrow(
      'Stopped.',
    );
    const later = await signedInUser(server);
    const told = await byLog(await exported(admin.headers));
    expect(told.left).toEqual([expect.stringContaining('is not known to have finished')]);
    await eventually(async () => {
      expect(await statuses()).toEqual([401, 401, 401, 401, 401, 401]);
    });
    expect(await server.call('GET', '/api/v1/tokens/', undefined, later.headers)).toMatchObject({ status: 200 });
  });
});

it('--events ends what was got through an App-Token that was ended with it, and then deleted', async () => {
  const admin = await signedInAdmin(server);
  const app = await newAppToken(server, admin, { name: 'For a test' });
  const through = await logIn(server, app, admin);
  const { id } = await rowOf(database, app);
  const restore = await snapshot();
  await server.call('PATCH', `/api/v1/app_tokens/${id}?cascade=true`, { seconds_until_expire: 0 }, admin.headers);
  await server.call('DELETE', `/api/v1/app_tokens/${id}`, undefined, admin.headers);
  const oldestFirst = (await exported(admin.headers)).trim().split('\n').reverse();
  const kinds = oldestFirst.map((line) => (JSON.parse(line) as { kind: string }).kind);
  expect(kinds.indexOf('token.expiry_changed')).toBeLessThan(kinds.indexOf('token.deleted'));
  await restore();
  await byLog(oldestFirst.join('\n'));
  expect((await rowOf(database, through)).revoked_at).not.toBeNull();
});

it('--events has a token expire when it was to, and never later', async () => {
  const admin = await signedInAdmin(server);
  const tokens = await Promise.all(['a', 'b'].map((name) => newAppToken(server, admin, { name })));
  const [shortened, since] = (await Promise.all(tokens.map((one) => rowOf(database, one)))).map(({ id }) => id);
  for (const id of [shortened, since]) {
    const change = { seconds_until_expire: 600 };
    const changed = await server.call('PATCH', `/api/v1/app_tokens/${id}`, change, admin.headers);
    expect(changed.status).toBe(200);
  }
  const log = await exported(admin.headers);
  const times = () => database.query('SELECT id, expires_at FROM tokens WHERE id = $1', [shortened]);
  const before = await times();
  await database.query('UPDATE tokens SET expires_at = NULL WHERE id = $1', [shortened]);
  await database.query(`UPDATE tokens SET expires_at = now() + interval '1 minute' WHERE id = $1`, [since]);
  expect(await byLog(log)).toMatchObject({ tokens: 1 });
  expect(await times()).toEqual(before);
  const [kept] = await database.query<{ soon: boolean }>(
    `SELECT expires_at <= now() + interval '1 minute' AS soon FROM tokens WHERE id = $1`,
    [since],
  );
  expect(kept).toEqual({ soon: true });
});

it('--events lists what it cannot do, of what the database does not know', async () => {
  const admin = await signedInAdmin(server);
  const client = await newClient(server, { ownerId: admin.id });
  const narrowed = { scopes: ['accounts:read'] };
  const answer = await server.call('PATCH', `/api/v1/oauth_clients/${client.id}`, narrowed, admin.headers);
  expect(answer.status).toBe(200);
  const log = await exported(admin.headers);
  expect(await byLog(log)).toMatchObject({ left: [] });
  const change = { at: new Date().toISOString(), outcome: 'success', details: { scopes: [] } };
  const unknown = [
    { ...change, id: randomUUID(), kind: 'oauth_client.changed', subject: client.id },
    { ...change, id: randomUUID(), kind: 'account.password_removed', subject: admin.id },
    { ...change, id: randomUUID(), kind: 'revocation.finished', subject: null, details: { of: 'events' } },
  ].map((event) => JSON.stringify(event));
  expect(await byLog(`${log}\n${unknown.join('\n')}`)).toMatchObject({
    left: [
      expect.stringContaining(`${client.id}: scopes or owner`),
      expect.stringContaining(`${admin.id}: its email or password`),
      expect.stringContaining('run it with that file, too'),
    ],
  });
});

it.each([
  ['nothing', ''],
  ['what is no JSON', 'hello\n'],
  ['something else in JSON', '{"id": 1}\n'],
  ['null', 'null\n'],
])('A file with %s is refused before anything is done', async (_, text) => {
  const events = commands.file(text);
  await expect(revokeEverything(NEVER, { ...YES, events })).rejects.toThrow(/event/);
  expect(await database.query(`SELECT FROM audit_events WHERE kind LIKE 'revocation.%'`)).toEqual([]);
});
