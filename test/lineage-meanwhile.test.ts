import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { IS_GOOD_APP_TOKEN, TOKEN_WITH_OWNERS } from '../src/tokens/good-token.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { waiting, whileLocked } from './support/locks.js';
import { signUp, startServer, type Answer, type TestServer } from './support/server.js';
import { logIn, newAppToken, oboToken, rowOf, signedInAdmin, tokenHeaders, type User } from './support/tokens.js';

/** Whoever has waited is judged by what is so then: what an App-Token was made with may have ended, and its owner be no admin any more. */
let database: TestDatabase;
let server: TestServer;
let other: TestServer;
let admin: User;
let ender: User;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection);
  other = await startServer(database.connection);
  [admin, ender] = [await signedInAdmin(server), await signedInAdmin(other)];
});

afterAll(async () => {
  await other.close();
  await server.close();
  await database.drop();
});

const idOf = async (secret: string) => (await rowOf(database, secret)).id;

interface Made {
  appToken: string;
  /** The token on behalf of somebody that it was made with. */
  onBehalf: string;
}

async function madeOnBehalf(): Promise<Made> {
  const onBehalf = await oboToken(server, admin, (await signedInAdmin(server)).id);
  const asThey = { ...admin, headers: tokenHeaders(admin.appToken, onBehalf) };
  return { onBehalf, appToken: await newAppToken(server, asThey, { scopes: ['frontend'] }) };
}

/** What makes an App-Token bad without touching it, at the other server. */
const ENDS: [name: string, end: (made: Made) => Promise<Answer>][] = [
  [
    'the token that it was made with is revoked',
    ({ onBehalf }) => other.call('DELETE', `/api/v1/tokens/${onBehalf}`, undefined, ender.headers),
  ],
  [
    'the token that it was made with expires',
    ({ onBehalf }) => other.call('PATCH', `/api/v1/tokens/${onBehalf}`, { seconds_until_expire: 0 }, ender.headers),
  ],
  [
    'its owner is demoted',
    async ({ appToken }) => {
      const { account_id } = await rowOf(database, appToken);
      return other.call('PATCH', `/api/v1/accounts/${account_id ?? ''}`, { role: 'user' }, ender.headers);
    },
  ],
];

/** Asks while a row is locked, ends something meanwhile, and lets it go. @returns what was answered */
async function meanwhile(
  row: { table: 'accounts' | 'tokens'; id: string },
  ask: () => Promise<Answer>,
  end: () => Promise<Answer>,
): Promise<Answer> {
  const lock = `SELECT FROM ${row.table} WHERE id = $1 FOR UPDATE`;
  const [asked] = await whileLocked(database, lock, [row.id], async () => {
    const asking = ask();
    await waiting(database, 1);
    expect([200, 204]).toContain((await end()).status);
    return [asking] as const;
  });
  return asked;
}

describe.each(ENDS)('When %s while', (_name, end) => {
  it('somebody logs in through it and waits, nobody is let in', async () => {
    const made = await madeOnBehalf();
    const { id, email, password } = await signUp(server);
    const ask = () =>
      server.call('POST', '/api/v1/token/', { username: email, password }, { 'app-token': made.appToken });
    expect((await ask()).status).toBe(200);
    const answer = await meanwhile({ table: 'accounts', id }, ask, () => end(made));
    expect(answer).toMatchObject({ status: 401, body: { errors: { app_token: expect.any(String) } } });
    const left = await database.query('SELECT FROM tokens WHERE app_token_id = $1', [await idOf(made.appToken)]);
    expect(left).toHaveLength(1);
  });

  it('an admin acts for somebody through it and waits, no token is made', async () => {
    const made = await madeOnBehalf();
    const { id } = await signUp(server);
    const act = () => server.call('POST', '/api/v1/tokens/', { user: id }, tokenHeaders(made.appToken, admin.token));
    expect((await act()).status).toBe(201);
    const answer = await meanwhile({ table: 'accounts', id }, act, () => end(made));
    expect(answer).toMatchObject({ status: 401, body: { errors: { app_token: expect.any(String) } } });
  });
});

// Who demotes its owner waits for the act, which has locked the App-Token.
describe.each(ENDS.slice(0, 2))('When %s while', (_name, end) => {
  it.each(['appToken', 'token'] as const)('an act through it waits for the %s, nothing is done', async (which) => {
    const made = await madeOnBehalf();
    const id = await idOf({ appToken: made.appToken, token: admin.token }[which]);
    const act = () => server.call('POST', '/api/v1/app_tokens/', {}, tokenHeaders(made.appToken, admin.token));
    expect((await act()).status).toBe(201);
    const answer = await meanwhile({ table: 'tokens', id }, act, () => end(made));
    expect(answer).toMatchObject({ status: 401, body: { errors: { app_token: expect.any(String) } } });
  });
});

it('The database judges tokens as the server does', async () => {
  const [owner, gone] = [await signedInAdmin(server), await signedInAdmin(server)];
  await database.query('UPDATE accounts SET disabled_at = now() WHERE id = $1', [gone.id]);
  const [good, ended] = [await idOf(owner.token), await idOf(gone.token)];
  await database.query('UPDATE tokens SET revoked_at = now() WHERE id = $1', [ended]);
  // Each in turn is what makes the token bad, if anything does.
  const changes = [
    `kind = 'app'`,
    `expires_at = now() + interval '1 hour'`,
    `expires_at = now()`,
    `revoked_at = now()`,
    `account_id = '${gone.id}'`,
    `actor_id = '${owner.id}'`,
    `actor_id = '${gone.id}'`,
    `kind = 'app', scopes = '{frontend}'`,
    `kind = 'app', scopes = '{frontend}', account_id = '${(await signUp(server)).id}'`,
    `made_with = '{${good}}'`,
    `made_with = '{${good},${ended}}'`,
    `made_with = '{${randomUUID()}}'`,
    `made_with = '{}'`,
  ];
  const judged: Record<string, [boolean, boolean]> = {};
  for (const change of changes) {
    const secret = await logIn(server, owner.appToken, owner);
    await database.query(`UPDATE tokens SET ${change} WHERE id = $1`, [await idOf(secret)]);
    const [verdict] = await database.query<{ sql: boolean | null; called: boolean }>(
      `SELECT ${IS_GOOD_APP_TOKEN} AS sql, is_good_token(t.id) AS called FROM ${TOKEN_WITH_OWNERS} WHERE t.id = $1`,
      [await idOf(secret)],
    );
    judged[change] = [verdict?.sql ?? false, verdict?.called ?? false];
  }
  expect(Object.entries(judged).filter(([, [sql, called]]) => sql !== called)).toEqual([]);
  expect(changes.map((change) => judged[change]?.[1])).toEqual([
    true,
    true,
    false,
    false,
    false,
    true,
    false,
    true,
    false,
    true,
    false,
    false,
    true,
  ]);
});
