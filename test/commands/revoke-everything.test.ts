import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { examine } from '../../src/commands/doctor.command.js';
import { revokeEverything } from '../../src/commands/revoke-everything.command.js';
import { sweep } from '../../src/commands/sweep.command.js';
import { SWEEP_LOCK } from '../../src/database/locks.js';
import { Commands, NEVER } from '../support/commands.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { newAccessToken, newClient, postForm } from '../support/oauth.js';
import { eventually } from '../support/process.js';
import { bearer, signUp, startServer, type TestServer } from '../support/server.js';
import { newApiToken, signedInAdmin, signedInUser } from '../support/tokens.js';

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

it('sweep deletes what servers would delete', async () => {
  const { id } = await signUp(server);
  await database.query(
    `INSERT INTO sessions (account_id, expires_at, revoked_at) VALUES ($1, now() - interval '30 days', now() - interval '30 days')`,
    [id],
  );
  expect(JSON.parse(await commands.run('sweep', () => sweep(NEVER, { json: true })))).toEqual({
    deleted: 1,
    outcome: 'done',
  });
  expect(await database.query(`SELECT FROM sessions WHERE expires_at < now()`)).toEqual([]);
});

it('sweep says that somebody else is sweeping', async () => {
  const other = await database.hold(`SELECT pg_advisory_xact_lock(${SWEEP_LOCK.join()})`);
  try {
    const text = await commands.run('sweep', () => sweep(NEVER, {}));
    expect(text).toBe('A server, or another command, is sweeping already. It goes on; this one has stopped.\n');
    expect(JSON.parse(await commands.run('sweep', () => sweep(NEVER, { json: true })))).toEqual({
      deleted: 0,
      outcome: 'skipped',
    });
  } finally {
    await other.end();
  }
});

describe('doctor', () => {
  const found = async (check: string, options: object = {}) => {
    const { text = '', code } = await commands.run('doctor', () => examine(NEVER, { json: true, ...options }));
    const { findings } = JSON.parse(text) as { findings: { check: string; state: string }[] };
    const failures = findings.filter(({ state }) => state === 'failure').map((one) => one.check);
    return { code, failures, finding: findings.find((one) => one.check === check) };
  };

  it('doctor finds nothing that fails where nothing does, and changes nothing', async () => {
    const before = await database.query('SELECT count(*) FROM audit_events');
    expect(await found('migrations')).toMatchObject({
      // The databases of tests are made to be fast.
      failures: ['durability'],
      finding: { state: 'ok' },
    });
    expect(await found('hardening: EMAIL_VERIFICATION')).toMatchObject({
      finding: { state: 'warning', advice: 'Set EMAIL_VERIFICATION=required.' },
    });
    expect(await database.query('SELECT count(*) FROM audit_events')).toEqual(before);
  });

  it('doctor says what fails, and what to do about it', async () => {
    await database.query(`DELETE FROM migrations WHERE id = (SELECT max(id) FROM migrations)`);
    expect(await found('migrations')).toMatchObject({
      code: 1,
      finding: { state: 'failure', advice: expect.stringContaining('latchkey migrate') },
    });
  });

  it('doctor notices a SECRET_KEY that is not that of the servers', async () => {
    process.env.SECRET_KEY = randomUUID();
    expect(await found('keys')).toMatchObject({
      code: 1,
      finding: { state: 'failure', advice: expect.stringContaining('SECRET_KEY') },
    });
  });

  it('doctor connects to the mail server, and only sends a mail when it is asked to', async () => {
    process.env.SMTP_URL = 'smtp://127.0.0.1:1';
    process.env.MAIL_FROM = 'no-reply@example.org';
    try {
      expect(await found('mail')).toMatchObject({ code: 1, finding: { state: 'failure' } });
    } finally {
      Reflect.deleteProperty(process.env, 'SMTP_URL');
      Reflect.deleteProperty(process.env, 'MAIL_FROM');
    }
    await expect(examine(NEVER, { sendTestMail: 'nobody' })).rejects.toThrow('wants an email address');
  });
});
