import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SecretKeys } from '../src/keys/secret-keys.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { eventually } from './support/process.js';
import { bearer, claimsOf, newEmail, signUp, startServer, type TestServer } from './support/server.js';
import { logIn, oboToken, rowOf, signedInAdmin, signedInUser, tokenHeaders, type User } from './support/tokens.js';

const MOST = 3;

let database: TestDatabase;
let server: TestServer;
/** Another process on the same database. */
let other: TestServer;

beforeAll(async () => {
  database = await createDatabase();
  const most = {
    maxAppTokensPerAccount: MOST,
    maxSessionsPerAccount: MOST,
    maxResetsPerAccount: 2,
    maxMailsPerAddress: 4,
  };
  server = await startServer(database.connection, most);
  other = await startServer(database.connection, most);
});

afterAll(async () => {
  await other.close();
  await server.close();
  await database.drop();
});

const LIVE = 'revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())';

async function live(table: 'sessions' | 'tokens', accountId: string, condition = 'true'): Promise<string[]> {
  const rows = await database.query<{ id: string }>(
    `SELECT id FROM ${table} WHERE account_id = $1 AND ${LIVE} AND ${condition} ORDER BY created_at, id`,
    [accountId],
  );
  return rows.map(({ id }) => id);
}

describe('An account that has MAX_APP_TOKENS_PER_ACCOUNT App-Tokens', () => {
  const make = ({ headers }: User, at = server, body: object = {}) =>
    at.call('POST', '/api/v1/app_tokens/', body, headers);

  it('gets no other before one is deleted or has expired, and is told so', async () => {
    const user = await signedInUser(server);
    const made = [await make(user), await make(user)];
    expect(made.map(({ status }) => status)).toEqual([201, 201]);
    expect(await make(user)).toMatchObject({
      status: 409,
      body: {
        errors: { request: expect.stringMatching(/^You have reached the maximum number of application tokens\./) },
      },
    });
    const [first, second] = made.map(({ body }) => (body as { app_token: string }).app_token);
    expect((await server.call('DELETE', `/api/v1/app_tokens/${first}`, undefined, user.headers)).status).toBe(204);
    expect((await make(user)).status).toBe(201);
    expect((await make(user)).status).toBe(409);
    const expire = { seconds_until_expire: 0 };
    expect((await server.call('PATCH', `/api/v1/app_tokens/${second}`, expire, user.headers)).status).toBe(200);
    expect((await make(user)).status).toBe(201);
    expect((await make(await signedInUser(server))).status).toBe(201);
  });

  it('gets exactly so many when many are made at once, by two processes', async () => {
    const user = await signedInUser(server);
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => make(user, n % 2 === 0 ? server : other)));
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([201, 201, ...Array.from({ length: 18 }, () => 409)]);
    expect(await live('tokens', user.id, `kind = 'app'`)).toHaveLength(MOST);
  });
});

describe('An account that has MAX_SESSIONS_PER_ACCOUNT sessions', () => {
  const signIn = async (email: string, password: string) => {
    const { status, body } = await server.call('POST', '/account/session', { account: { email, password } });
    expect(status).toBe(200);
    return (body as { token: string }).token;
  };
  const reads = async (id: string, token: string, at = server) =>
    (await at.call('GET', `/accounts/${id}`, undefined, bearer(token))).status;

  it('loses the one that was used the longest time ago to the next sign-in, on all replicas', async () => {
    const { id, email, password, token: first } = await signUp(server);
    const tokens = [first, await signIn(email, password), await signIn(email, password)];
    for (const token of tokens) expect([await reads(id, token), await reads(id, token, other)]).toEqual([200, 200]);
    const [oldest = '', unused = ''] = tokens.map((token) => claimsOf(token).sid);
    await database.query(
      `UPDATE sessions SET created_at = created_at - interval '1 hour',
         last_used_at = CASE WHEN id = $2 THEN now() - interval '1 hour' ELSE now() END WHERE account_id = $1`,
      [id, unused],
    );
    const next = await signIn(email, password);
    expect(await reads(id, tokens[1] ?? '')).toBe(401);
    await eventually(async () => {
      expect(await reads(id, tokens[1] ?? '', other)).toBe(401);
    });
    for (const token of [first, tokens[2] ?? '', next]) expect(await reads(id, token)).toBe(200);
    expect(await live('sessions', id)).toContain(oldest);
    expect(
      await database.query(`SELECT details FROM audit_events WHERE kind = 'session.ended' AND subject = $1`, [id]),
    ).toEqual([{ details: { session: unused, reason: 'too_many' } }]);
  });

  it('has no more than that after the next sign-in, however many came at once', async () => {
    const { id, email, password } = await signUp(server);
    await Promise.all(Array.from({ length: 10 }, () => signIn(email, password)));
    const last = await signIn(email, password);
    const left = await live('sessions', id);
    expect(left).toHaveLength(MOST);
    expect(left).toContain(claimsOf(last).sid);
  });

  it('loses user tokens in the same way, and those on behalf of it apart from its own', async () => {
    const [admin, user] = [await signedInAdmin(server), await signedInUser(server)];
    const onBehalf = [await oboToken(server, admin, user.id)];
    const own = [user.token];
    for (let index = 0; index < MOST; index += 1) own.push(await logIn(server, user.appToken, user));
    const status = async (token: string) =>
      (await server.call('GET', '/api/v1/tokens/', undefined, tokenHeaders(user.appToken, token))).status;
    const statuses = [];
    for (const token of [...own, ...onBehalf]) statuses.push(await status(token));
    expect(statuses).toEqual([401, 200, 200, 200, 200]);
    for (let index = 0; index < MOST; index += 1) onBehalf.push(await oboToken(server, admin, user.id));
    expect([await status(onBehalf[0] ?? ''), await status(own[1] ?? '')]).toEqual([401, 200]);
    const ended = await database.query<{ subject: string }>(
      `SELECT subject FROM audit_events WHERE kind = 'token.revoked' AND details->>'account' = $1
         AND details->>'reason' = 'too_many' ORDER BY at`,
      [user.id],
    );
    expect(ended.map(({ subject }) => subject)).toEqual([
      (await rowOf(database, user.token)).id,
      (await rowOf(database, onBehalf[0] ?? '')).id,
    ]);
  });
});

describe('Whoever asks for links time and again', () => {
  const letMinutePass = async () => {
    await database.query(`UPDATE attempt_limits SET window_ends_at = now() WHERE key LIKE 'reset %'`);
    server.advanceClock(60);
  };
  const ask = async (email: string) => {
    await letMinutePass();
    const { status, body } = await server.call('POST', '/account/password', { account: { email } });
    expect({ status, body }).toEqual({ status: 200, body: { id: expect.any(String), email } });
  };
  const resets = (accountId: string) =>
    database.query<{ id: string; ended: boolean }>(
      `SELECT id, ended_at IS NOT NULL AS ended FROM password_resets WHERE account_id = $1 ORDER BY created_at`,
      [accountId],
    );
  const mailsTo = async (email: string) =>
    (await database.query('SELECT 1 FROM outgoing_mails WHERE recipient = $1', [email])).length;

  it('has MAX_RESETS_PER_ACCOUNT that are good: the oldest ends', async () => {
    const { id, email } = await signUp(server);
    for (let time = 0; time < 3; time += 1) await ask(email);
    const made = await resets(id);
    expect(made.map(({ ended }) => ended)).toEqual([true, false, false]);
    const redeem = (reset: string) =>
      server.call('PUT', '/account/password', {
        account: {
          password: 'another example',
          reset_password_token: server.app.get(SecretKeys).sign('password-reset', reset),
        },
      });
    expect((await redeem(made[0]?.id ?? '')).status).toBe(422);
    expect((await redeem(made[1]?.id ?? '')).status).toBe(200);
  });

  it('has an address told of changes of email so often in a day, and no change more', async () => {
    const theirs = newEmail();
    const takes = async (): Promise<number[]> => {
      const { id, token } = await signUp(server, { email: theirs });
      const account = { email: newEmail(), password: 'example' };
      const { status } = await server.call('PUT', `/accounts/${id}`, { account }, bearer(token));
      // The old address stays theirs for a while, which is not what this is about.
      await database.query(`UPDATE email_links SET ended_at = now() WHERE account_id = $1`, [id]);
      if (status !== 200) await database.query('DELETE FROM accounts WHERE id = $1', [id]);
      return [status];
    };
    const statuses: number[] = [];
    for (let time = 0; time < 5; time += 1) statuses.push(...(await takes()));
    expect(statuses).toEqual([200, 200, 200, 200, 429]);
    // Each changed the password too, which is told in a mail of its own.
    expect(await mailsTo(theirs)).toBe(8);
  });

  it('is sent MAX_MAILS_PER_ADDRESS in a day, of all kinds, and told the same when there are no more', async () => {
    const { id, email } = await signUp(server);
    for (let time = 0; time < 3; time += 1) await ask(email);
    expect((await server.call('POST', '/account/email', { account: { email } })).status).toBe(200);
    const before = [await mailsTo(email), (await resets(id)).length];
    await ask(email);
    await ask(email.toUpperCase());
    expect([await mailsTo(email), (await resets(id)).length]).toEqual(before);
    await database.query(`UPDATE attempt_limits SET window_ends_at = now() WHERE key LIKE 'mail-links %'`);
    server.advanceClock(86_400);
    await ask(email);
    expect([await mailsTo(email), (await resets(id)).length]).toEqual(before.map((count) => count + 1));
  });
});

it('OpenAPI describes every answer that these tests saw', () => {
  expect([...server.answers.undescribed(), ...other.answers.undescribed()]).toEqual([]);
});
