import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Revocations } from '../src/revocations/revocations.service.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { basic, newAccessToken, newClient, postForm, type Client } from './support/oauth.js';
import { signUp, startServer, type TestServer } from './support/server.js';
import {
  logIn,
  newApiToken,
  newAppToken,
  oboToken,
  rowOf,
  signedInAdmin,
  signedInUser,
  tokenHeaders,
  type User,
} from './support/tokens.js';

const HOUR = 3_600;

let database: TestDatabase;
let server: TestServer;
/** Another process, which is told of what happens here. */
let other: TestServer;
/** User tokens live for an hour, however often they are lengthened. */
let capped: TestServer;
/** Stays as they are. */
let admin: User;
let asker: Client;

beforeAll(async () => {
  database = await createDatabase();
  [server, other] = [await startServer(database.connection), await startServer(database.connection)];
  capped = await startServer(database.connection, { userTokenTtl: HOUR, userTokenMaxTtl: HOUR });
  admin = await signedInAdmin(server);
  asker = await newClient(server);
});

afterAll(async () => {
  for (const one of [server, other, capped]) await one.close();
  await database.drop();
});

const patch = (path: string, seconds: number, by: User, at = server) =>
  at.call('PATCH', path, { seconds_until_expire: seconds }, by.headers);

interface Made {
  /** Who acts, for whom, and with which token on behalf of them. */
  actor: User;
  subject: User;
  obo: string;
  acting: User;
  appToken: string;
  /** On behalf of a third account, by way of the second. */
  further: string;
  client: Client;
  accessToken: string;
  /** A second secret of a client that the subject has long had. */
  secret: Client;
  tokenOfSecret: string;
  /** With the App-Token. */
  apiToken: string;
}

/** An admin acts for another one, and makes all that can be made. */
async function makeAll(seconds = HOUR): Promise<Made> {
  const [actor, subject] = [await signedInAdmin(server), await signedInAdmin(server)];
  const obo = await oboToken(server, actor, subject.id, seconds);
  const acting = { ...subject, token: obo, headers: tokenHeaders(admin.appToken, obo) };
  const appToken = await newAppToken(server, acting, { scopes: ['frontend'] });
  const made = await server.call(
    'POST',
    '/api/v1/oauth_clients/',
    { name: 'x', scopes: ['accounts:read'] },
    acting.headers,
  );
  const client = clientIn(made.body as { id: string; client_secret: string });
  const old = await newClient(server, { ownerId: subject.id });
  const added = await server.call('POST', `/api/v1/oauth_clients/${old.id}/secrets`, undefined, acting.headers);
  const secret = clientIn(added.body as { id: string; client_secret: string });
  return {
    ...{ actor, subject, obo, acting, appToken, client, secret },
    further: await oboToken(server, acting, (await signUp(server)).id),
    accessToken: await newAccessToken(server, client),
    tokenOfSecret: await newAccessToken(server, secret),
    apiToken: await newApiToken(server, appToken, randomUUID()),
  };
}

const clientIn = ({ id, client_secret }: { id: string; client_secret: string }): Client => ({
  id,
  secret: client_secret,
  basic: basic(id, client_secret),
});

type Opened = Record<
  'appToken' | 'further' | 'client' | 'accessToken' | 'secret' | 'tokenOfSecret' | 'apiToken',
  boolean
>;
const all = (good: boolean): Opened => ({
  ...{ appToken: good, further: good, client: good, accessToken: good },
  ...{ secret: good, tokenOfSecret: good, apiToken: good },
});

/** What of it a server accepts; neither yes nor no is a failure. */
async function opened(made: Made, at = server): Promise<Opened> {
  const good = async (path: string, headers: Record<string, string>) => {
    const { status } = await at.call('GET', path, undefined, headers);
    expect([200, 401]).toContain(status);
    return status === 200;
  };
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  return {
    appToken: await good('/api/v1/tokens/', tokenHeaders(made.appToken, admin.token)),
    further: await good('/api/v1/tokens/', tokenHeaders(admin.appToken, made.further)),
    client: await good('/api/accounts', made.client.basic),
    accessToken: await good('/api/accounts', bearer(made.accessToken)),
    secret: await good('/api/accounts', made.secret.basic),
    tokenOfSecret: await good('/api/accounts', bearer(made.tokenOfSecret)),
    apiToken: await good('/v1/api/auth', bearer(made.apiToken)),
  };
}

/** By introspection, which looks into no cache. */
const activeTokens = async ({ appToken, further, accessToken, tokenOfSecret, apiToken }: Made) => {
  const answers = [];
  for (const token of [appToken, further, accessToken, tokenOfSecret, apiToken])
    answers.push((await postForm(server, '/oauth/introspect', { token }, asker.basic)).body.active as boolean);
  return answers;
};

describe('What is made on behalf of somebody else', () => {
  it('names who acted: in the rows, in the views, in introspection and in the audit log', async () => {
    const made = await makeAll();
    const { actor, subject } = made;
    const { id: oboId } = await rowOf(database, made.obo);
    const appToken = await rowOf(database, made.appToken);
    const further = await rowOf(database, made.further);
    const apiToken = await rowOf(database, made.apiToken);
    expect([appToken, further, apiToken]).toEqual([
      expect.objectContaining({ account_id: subject.id, actor_id: actor.id, made_with: [oboId] }),
      expect.objectContaining({ actor_id: actor.id, made_with: [oboId] }),
      expect.objectContaining({ account_id: null, actor_id: actor.id, made_with: [oboId, appToken.id] }),
    ]);
    const named = [{ actor_id: actor.id, made_with: [oboId] }];
    const clients = 'SELECT actor_id, made_with FROM oauth_clients WHERE id = $1';
    expect(await database.query(clients, [made.client.id])).toEqual(named);
    const secrets = 'SELECT actor_id, made_with FROM oauth_client_secrets WHERE client_id = $1 ORDER BY created_at';
    expect(await database.query(secrets, [made.secret.id])).toEqual([{ actor_id: null, made_with: null }, ...named]);
    const view = async (path: string) =>
      (await server.call('GET', path, undefined, admin.headers)).body as Record<string, unknown>;
    const [obo] = await database.query<{ expires_at: Date }>('SELECT expires_at FROM tokens WHERE id = $1', [oboId]);
    const shown = { owner: subject.id, actor: actor.id, expires_at: obo?.expires_at.toISOString() };
    expect(await view(`/api/v1/app_tokens/${appToken.id}`)).toMatchObject(shown);
    expect(await view(`/api/v1/tokens/${further.id}`)).toMatchObject({ actor: actor.id });
    expect(await view(`/api/v1/oauth_clients/${made.client.id}`)).toMatchObject(shown);
    expect((await view(`/api/v1/oauth_clients/${made.secret.id}`)).secrets).toMatchObject([
      { actor: null },
      { actor: actor.id },
    ]);
    const told = await postForm(server, '/oauth/introspect', { token: made.appToken }, asker.basic);
    expect(told.body).toMatchObject({ active: true, sub: subject.id, act: { sub: actor.id, username: actor.email } });
    const events = await database.query(
      `SELECT kind, actor_id, on_behalf_of FROM audit_events WHERE subject = ANY ($1)
         AND kind IN ('token.issued', 'oauth_client.created', 'oauth_client.secret_added') ORDER BY kind`,
      [[appToken.id, made.client.id, made.secret.id]],
    );
    const acted = { actor_id: actor.id, on_behalf_of: subject.id };
    expect(events).toEqual([
      { kind: 'oauth_client.created', ...acted },
      { kind: 'oauth_client.secret_added', ...acted },
      { kind: 'token.issued', ...acted },
    ]);
  });

  it.each<[string, (made: Made) => Promise<unknown>]>([
    ['whoever acted is disabled', ({ actor }) => changed(actor, { disabled: true })],
    ['whoever acted is demoted', ({ actor }) => changed(actor, { role: 'user' })],
    ['whoever acted loses the password', ({ actor }) => changed(actor, { password: null })],
    ['all is ended that whoever acted has open', ({ actor }) => send('POST', `/api/v1/accounts/${actor.id}/revoke`)],
    ['whoever acted is deleted', ({ actor }) => send('DELETE', `/api/v1/accounts/${actor.id}`)],
    ['whoever they acted for is disabled', ({ subject }) => changed(subject, { disabled: true })],
    ['whoever they acted for loses the password', ({ subject }) => changed(subject, { password: null })],
    [
      'all is ended that whoever they acted for has open',
      ({ subject }) => send('POST', `/api/v1/accounts/${subject.id}/revoke`),
    ],
    ['the token is deleted that it was made with', ({ obo }) => send('DELETE', `/api/v1/tokens/${obo}`)],
    ['that token is made to expire', ({ obo }) => patch(`/api/v1/tokens/${obo}`, 0, admin)],
  ])('ends when %s, here and in other processes', async (_, end) => {
    const made = await makeAll();
    expect(await opened(made)).toEqual(all(true));
    expect(await opened(made, other)).toEqual(all(true));
    expect(await activeTokens(made)).toEqual([true, true, true, true, true]);
    await end(made);
    expect(await opened(made)).toEqual(all(false));
    expect(await activeTokens(made)).toEqual([false, false, false, false, false]);
    await eventuallyRefused(made);
  });

  const changed = (account: User, change: object) => send('PATCH', `/api/v1/accounts/${account.id}`, change);

  async function send(method: string, path: string, body?: object): Promise<void> {
    const { status } = await server.call(method, path, body, admin.headers);
    expect([method, path, status]).toEqual([method, path, method === 'PATCH' ? 200 : 204]);
  }

  async function eventuallyRefused(made: Made): Promise<void> {
    for (let turn = 0; turn < 200; turn += 1) {
      if (Object.values(await opened(made, other)).every((good) => !good)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(await opened(made, other)).toEqual(all(false));
  }

  it('ends with the time of the token that it was made with, whatever its own row says', async () => {
    const made = await makeAll();
    const { id } = await rowOf(database, made.obo);
    await database.query(`UPDATE tokens SET expires_at = now() + interval '1 day' WHERE made_with IS NOT NULL`);
    await database.query(`UPDATE tokens SET expires_at = now() - interval '1 second' WHERE id = $1`, [id]);
    // This process has nothing of it in its cache yet.
    expect(await opened(made, capped)).toEqual(all(false));
    expect(await activeTokens(made)).toEqual([false, false, false, false, false]);
  });

  it('is stored with no later end than that token has, and cannot be given one', async () => {
    const made = await makeAll();
    const { expires_at: end } = await rowOf(database, made.obo);
    for (const token of [made.appToken, made.further, made.accessToken, made.tokenOfSecret, made.apiToken])
      expect((await rowOf(database, token)).expires_at?.getTime()).toBeLessThanOrEqual(end?.getTime() ?? 0);
    // The client is told when its token ends, not how long one usually lasts.
    const grant = await postForm(server, '/oauth/token', { grant_type: 'client_credentials' }, made.client.basic);
    const { id } = await rowOf(database, grant.body.access_token as string);
    const [lasts] = await database.query<{ seconds: number }>(
      'SELECT floor(extract(epoch FROM expires_at - created_at))::int AS seconds FROM tokens WHERE id = $1',
      [id],
    );
    expect(lasts?.seconds).toBeLessThanOrEqual(HOUR);
    expect(grant.body.expires_in).toBe(lasts?.seconds);
    for (const path of [`/api/v1/app_tokens/${made.appToken}`, `/api/v1/tokens/${made.further}`]) {
      for (const by of [admin, made.acting, made.subject]) {
        // The second token is nobody's that is no admin.
        const { status, body } = await patch(path, 2 * HOUR, by);
        expect([status, Object.keys(body.errors as object)]).toEqual([400, ['seconds_until_expire']]);
        expect(body.errors.seconds_until_expire).toMatch(
          /^must be at most 3[56]\d\d, as the token cannot last longer$/,
        );
      }
      expect((await patch(path, 60, made.subject)).status).toBe(200);
      expect((await patch(path, 120, made.subject)).status).toBe(200);
    }
  });

  it('cannot be made with a token that is deleted at the same moment, and does not outlive it', async () => {
    const [actor, subject] = [await signedInAdmin(server), await signedInAdmin(server)];
    for (let turn = 0; turn < 5; turn += 1) {
      const obo = await oboToken(server, actor, subject.id);
      const headers = tokenHeaders(admin.appToken, obo);
      const [created, deleted] = await Promise.all([
        server.call('POST', '/api/v1/app_tokens/', {}, headers),
        server.call('DELETE', `/api/v1/tokens/${obo}`, undefined, admin.headers),
      ]);
      expect([201, 401]).toContain(created.status);
      expect(deleted.status).toBe(204);
      if (created.status === 401) continue;
      const made = tokenHeaders(created.body.app_token as string, admin.token);
      expect((await server.call('GET', '/api/v1/tokens/', undefined, made)).status).toBe(401);
    }
  });

  it('is nothing that a login is: what an account makes with its own token lasts', async () => {
    const own = await signedInAdmin(server);
    const secret = await newAppToken(server, own);
    expect(await rowOf(database, secret)).toMatchObject({ actor_id: null, made_with: null });
    await server.call('DELETE', `/api/v1/tokens/${own.token}`, undefined, admin.headers);
    const headers = tokenHeaders(secret, admin.token);
    expect((await server.call('GET', '/api/v1/tokens/', undefined, headers)).status).toBe(200);
  });
});

describe('A token on behalf of oneself', () => {
  const REFUSED = [400, { errors: { user: 'is your own account. Use your own token instead.' } }];

  it('is refused, also by way of somebody else', async () => {
    const [self, way] = [await signedInAdmin(server), await signedInAdmin(server)];
    const before = await database.query('SELECT id FROM tokens WHERE actor_id = $1', [self.id]);
    const ask = async (headers: Record<string, string>, user: string): Promise<unknown[]> => {
      const { status, body } = await server.call('POST', '/api/v1/tokens/', { user }, headers);
      return [status, body as unknown];
    };
    expect(await ask(self.headers, self.id)).toEqual(REFUSED);
    expect(await ask(self.headers, self.id.toUpperCase())).toEqual(REFUSED);
    const byWay = tokenHeaders(admin.appToken, await oboToken(server, self, way.id));
    expect(await ask(byWay, self.id)).toEqual(REFUSED);
    expect(await database.query('SELECT id FROM tokens WHERE actor_id = $1', [self.id])).toHaveLength(
      before.length + 1,
    );
  });
});

describe('USER_TOKEN_MAX_TTL', () => {
  const LIMIT = /^must be at most (3600|3[45]\d\d), as the token cannot last longer$/;

  it('is how long a token can be made to live, whoever asks, and two tokens do not lengthen each other past it', async () => {
    const user = await signedInUser(capped);
    const second = await logIn(capped, user.appToken, user);
    const pairs: [string, User][] = [
      [user.token, { ...user, headers: tokenHeaders(user.appToken, second) }],
      [second, user],
      [user.token, admin],
    ];
    for (const [token, by] of pairs) {
      const before = await rowOf(database, token);
      const { status, body } = await patch(`/api/v1/tokens/${token}`, 2 * HOUR, by, capped);
      expect([status, body.errors.seconds_until_expire]).toEqual([400, expect.stringMatching(LIMIT)]);
      expect(await rowOf(database, token)).toEqual(before);
      // It can be shortened, and lengthened up to there.
      expect((await patch(`/api/v1/tokens/${token}`, 60, by, capped)).status).toBe(200);
      expect((await patch(`/api/v1/tokens/${token}`, HOUR - 300, by, capped)).status).toBe(200);
      // An older one has less left.
      await database.query(`UPDATE tokens SET created_at = now() - interval '30 minutes' WHERE id = $1`, [before.id]);
      expect((await patch(`/api/v1/tokens/${token}`, HOUR - 300, by, capped)).status).toBe(400);
      expect((await patch(`/api/v1/tokens/${token}`, 0, by, capped)).status).toBe(200);
      await database.query(
        `UPDATE tokens SET created_at = now(), expires_at = now() + interval '1 hour' WHERE id = $1`,
        [before.id],
      );
    }
  });

  it('is the most that a token on behalf of somebody is made with', async () => {
    const { id } = await signUp(capped);
    const asked = { user: id, seconds_until_expire: HOUR + 1 };
    const { status, body } = await capped.call('POST', '/api/v1/tokens/', asked, admin.headers);
    expect([status, body]).toEqual([
      400,
      { errors: { seconds_until_expire: 'must be at most 3600, as the token cannot last longer' } },
    ]);
    expect(await database.query('SELECT id FROM tokens WHERE account_id = $1', [id])).toEqual([]);
    await oboToken(capped, admin, id, HOUR);
  });

  it('ends tokens that were made or lengthened without it, in requests and in introspection', async () => {
    const user = await signedInUser(server);
    const tellsOf = async (token: string) => {
      const { body } = await postForm(capped, '/oauth/introspect', { token }, asker.basic);
      return body as { active: boolean; iat?: number; exp?: number };
    };
    expect((await patch(`/api/v1/tokens/${await logIn(server, user.appToken, user)}`, 10 * HOUR, user)).status).toBe(
      200,
    );
    const told = await tellsOf(user.token);
    expect((told.exp ?? 0) - (told.iat ?? 0)).toBe(HOUR);
    const { id } = await rowOf(database, user.token);
    // Announced, so that nobody goes by what they remember.
    const makeOlder = `UPDATE tokens SET created_at = now() - interval '61 minutes' WHERE id = $1`;
    await capped.app.get(Revocations).during(`token ${id}`, (tx) => tx.query(makeOlder, [id]));
    const status = async (at: TestServer) => (await at.call('GET', '/api/v1/tokens/', undefined, user.headers)).status;
    expect([await status(server), await status(capped)]).toEqual([200, 401]);
    expect(await tellsOf(user.token)).toEqual({ active: false });
  });

  it('does not touch App-Tokens', async () => {
    const user = await signedInUser(capped);
    const secret = await newAppToken(capped, user, { seconds_until_expire: 10 * HOUR });
    expect((await patch(`/api/v1/app_tokens/${secret}`, 20 * HOUR, user, capped)).status).toBe(200);
  });
});

it('OpenAPI describes every answer that these tests saw', () => {
  expect([...server.answers.undescribed(), ...capped.answers.undescribed(), ...other.answers.undescribed()]).toEqual(
    [],
  );
});
