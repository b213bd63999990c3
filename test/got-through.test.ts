import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDatabase, type TestDatabase } from './support/database.js';
import { waiting, whileLocked } from './support/locks.js';
import { bearer, signUp, startServer, type Answer, type TestServer } from './support/server.js';
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
import { eventually } from './support/process.js';

/** App-Tokens have names, user tokens remember the App-Token that they were got through, and may end with it. */
let database: TestDatabase;
let server: TestServer;
let other: TestServer;
let admin: User;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection);
  other = await startServer(database.connection);
  admin = await signedInAdmin(server);
});

afterAll(async () => {
  await other.close();
  await server.close();
  await database.drop();
});

const APPS = '/api/v1/app_tokens';
const TOKENS = '/api/v1/tokens';

const call = (method: string, path: string, body?: unknown, as: User = admin) =>
  server.call(method, path, body, as.headers);
const outcome = ({ status, body }: Answer): [number, unknown] => [status, body];
const idOf = async (secret: string) => (await rowOf(database, secret)).id;
const idsIn = ({ body }: Answer) => (body.tokens as { id: string }[]).map(({ id }) => id);
const statusOf = async (token: string, at = server) =>
  (await at.call('GET', TOKENS, undefined, tokenHeaders(admin.appToken, token))).status;
const appStatusOf = async (appToken: string) =>
  (await server.call('GET', TOKENS, undefined, tokenHeaders(appToken, admin.token))).status;

/** An App-Token of an admin's, and what was got through it: by two users, and on behalf of one. */
async function application(name = 'The till') {
  const appToken = await newAppToken(server, admin, { name, scopes: ['frontend'] });
  const people = [await signUp(server), await signUp(server)];
  const logins: string[] = [];
  for (const person of people) logins.push(await logIn(server, appToken, person));
  const throughIt = { ...admin, headers: tokenHeaders(appToken, admin.token) };
  const onBehalf = await oboToken(server, throughIt, people[0]?.id ?? '');
  return { appToken, id: await idOf(appToken), people, throughIt, userTokens: [...logins, onBehalf] };
}

describe('The name of an App-Token', () => {
  it('is kept, and shown in lists, alone and when it changes', async () => {
    const appToken = await newAppToken(server, admin, { name: 'Caf\u0065\u0301 till' });
    const id = await idOf(appToken);
    const one = () => call('GET', `${APPS}/${id}`);
    expect((await one()).body).toMatchObject({ id, name: 'Caf\u00e9 till' });
    expect((await call('GET', APPS)).body.app_tokens).toContainEqual(
      expect.objectContaining({ id, name: 'Café till' }),
    );
    expect((await call('PATCH', `${APPS}/${appToken}`, { name: 'Another' })).body).toMatchObject({ name: 'Another' });
    const both = await call('PATCH', `${APPS}/${id}`, { name: 'Third', seconds_until_expire: 600 });
    expect(both.body).toMatchObject({ name: 'Third', expires_at: expect.any(String) });
    expect((await one()).body).toEqual(both.body);
    expect((await call('PATCH', `${APPS}/${id}`, { name: null })).body).toMatchObject({ name: null });
    expect(await database.query('SELECT name FROM tokens WHERE id = $1', [id])).toEqual([{ name: null }]);
    expect(await appStatusOf(appToken)).toBe(200);
  });

  it('is null without one, and for what the previous release has stored', async () => {
    const id = await idOf(await newAppToken(server, admin));
    await database.query('UPDATE tokens SET app_token_id = NULL WHERE id = $1', [id]);
    expect((await call('GET', `${APPS}/${id}`)).body).toMatchObject({ name: null, app_token: null });
  });

  it.each<[name: unknown, message: string]>([
    [5, 'must be a string'],
    ['', 'must be one line of text'],
    ['a\nb', 'must be one line of text'],
    ['x'.repeat(256), 'must be at most 255 characters'],
    [['x'], 'must be a string'],
  ])('is refused when it is %j', async (name, message) => {
    expect(outcome(await call('POST', APPS, { name }))).toEqual([400, { errors: { name: message } }]);
    const id = await idOf(await newAppToken(server, admin, { name: 'Before' }));
    expect(outcome(await call('PATCH', `${APPS}/${id}`, { name }))).toEqual([400, { errors: { name: message } }]);
    expect((await call('GET', `${APPS}/${id}`)).body).toMatchObject({ name: 'Before' });
  });

  it('stays when the expiration cannot be extended, in the same request', async () => {
    const headers = { ...admin, headers: tokenHeaders(await newAppToken(server, admin, { name: 'Own' }), admin.token) };
    const id = await idOf(headers.headers['app-token']);
    const answer = await call(
      'PATCH',
      `${APPS}/${id}`,
      { name: 'New', seconds_until_expire: 8_000_000_000_000 },
      headers,
    );
    expect(answer.status).toBe(403);
    expect((await call('GET', `${APPS}/${id}`)).body).toMatchObject({ name: 'Own' });
  });

  it("is nobody else's to change, and no user token has one", async () => {
    const user = await signedInUser(server);
    expect((await call('PATCH', `${APPS}/${await idOf(admin.appToken)}`, { name: 'Mine' }, user)).status).toBe(404);
    const answer = await call('PATCH', `${TOKENS}/${await idOf(admin.token)}`, { name: 'x', seconds_until_expire: 60 });
    expect(outcome(answer)).toEqual([400, { errors: { name: 'Unknown field: name.' } }]);
  });

  it('is in the audit log, beside the id, while the App-Token is there; a change of it is an event without it', async () => {
    const { id, people } = await application('The audited till');
    const events = async (query: string) =>
      (await call('GET', `/api/v1/audit_events?${query}`)).body.audit_events as unknown;
    const signIn = `kind=sign_in&app_token=${id}&subject=${people[0]?.id ?? ''}`;
    expect(await events(signIn)).toMatchObject([{ app_token: id, app_token_name: 'The audited till' }]);
    await call('PATCH', `${APPS}/${id}`, { name: 'Renamed till' });
    expect(await events(signIn)).toMatchObject([{ app_token_name: 'Renamed till' }]);
    expect(await events(`kind=token.renamed&subject=${id}`)).toMatchObject([
      { details: { kind: 'app', account: admin.id } },
    ]);
    await call('DELETE', `${APPS}/${id}`);
    expect(await events(signIn)).toMatchObject([{ app_token: id, app_token_name: null }]);
    const stored = await database.query(`SELECT 1 FROM audit_events e WHERE e::text LIKE '%till%'`);
    expect(stored).toEqual([]);
  });
});

describe('A token that was got through an App-Token', () => {
  it('remembers it: a login, a token on behalf of somebody, and another App-Token', async () => {
    const { id, throughIt, userTokens } = await application();
    for (const token of userTokens) {
      expect((await call('GET', `${TOKENS}/${token}`)).body).toMatchObject({ app_token: { id, name: 'The till' } });
      expect(await rowOf(database, token)).toMatchObject({ app_token_id: id });
    }
    const second = await newAppToken(server, throughIt);
    expect((await call('GET', `${APPS}/${second}`)).body).toMatchObject({ app_token: { id, name: 'The till' } });
  });

  it('is listed by it', async () => {
    const { id, throughIt, userTokens } = await application();
    const ids = await Promise.all(userTokens.map(idOf));
    const listed = await call('GET', `${TOKENS}?app_token=${id}`);
    expect(idsIn(listed)).toEqual([...ids].reverse());
    expect((listed.body.tokens as object[])[0]).toMatchObject({ app_token: { id, name: 'The till' } });
    expect(idsIn(await call('GET', `${TOKENS}?app_token=${id.toUpperCase()}`))).toHaveLength(3);
    const second = await idOf(await newAppToken(server, throughIt));
    expect((await call('GET', `${APPS}?app_token=${id}`)).body.app_tokens).toMatchObject([{ id: second }]);
    expect(idsIn(await call('GET', `${TOKENS}?app_token=${randomUUID()}`))).toEqual([]);
  });

  it('is listed in pages that keep to it, and to ordinary users only if it is their own', async () => {
    const { appToken, id, people } = await application();
    await database.query(
      `INSERT INTO tokens (kind, digest, hint, account_id, app_token_id)
       SELECT 'user', sha256(convert_to($1::text || n, 'UTF8')), 'abcd', $2, $1::text::uuid FROM generate_series(1, 150) n`,
      [id, people[1]?.id],
    );
    const first = await call('GET', `${TOKENS}?app_token=${id}`);
    const next = /<(\?[^>]+)>; rel="next"/.exec(first.headers.get('link') ?? '')?.[1] ?? '';
    expect(next).toContain(`app_token=${id}`);
    const second = await call('GET', `${TOKENS}${next}`);
    expect([idsIn(first).length, idsIn(second).length]).toEqual([100, 53]);
    const person = people[0] ?? { email: '', password: '' };
    const own = await server.call(
      'GET',
      `${TOKENS}?app_token=${id}`,
      undefined,
      tokenHeaders(appToken, await logIn(server, appToken, person)),
    );
    expect(new Set((own.body.tokens as { owner: string }[]).map(({ owner }) => owner))).toEqual(
      new Set([people[0]?.id]),
    );
  });

  it.each(['x', '', '5aa59576866e4167b26c8430fd4e4d29'])('is not listed by what is no id: "%s"', async (text) => {
    for (const path of [APPS, TOKENS]) {
      expect(outcome(await call('GET', `${path}?app_token=${text}`))).toEqual([
        400,
        { errors: { app_token: 'must be a UUID' } },
      ]);
    }
  });

  it('outlives it, and still says which it was', async () => {
    const { id, userTokens } = await application();
    expect((await call('DELETE', `${APPS}/${id}`)).status).toBe(204);
    for (const token of userTokens) expect(await statusOf(token)).toBe(200);
    expect((await call('GET', `${TOKENS}/${userTokens[0] ?? ''}`)).body).toMatchObject({
      app_token: { id, name: null },
    });
    expect(idsIn(await call('GET', `${TOKENS}?app_token=${id}`))).toHaveLength(3);
  });
});

/** While no event of this kind can be inserted. Not by a lock of the table, which a statement takes before it does anything else. */
async function whileNoEvent<T>(kind: string, during: () => Promise<T>): Promise<T> {
  await database.query(`
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN PERFORM pg_advisory_xact_lock_shared(28); RETURN NEW; END $$;
    CREATE TRIGGER wait BEFORE INSERT ON audit_events FOR EACH ROW WHEN (NEW.kind = '${kind}') EXECUTE FUNCTION wait()`);
  const done = await whileLocked(database, 'SELECT pg_advisory_xact_lock(28)', [], during);
  const dropped = database.query('DROP TRIGGER wait ON audit_events; DROP FUNCTION wait');
  return dropped.then(() => done);
}

describe('?cascade=true', () => {
  const events = (id: string, kind: string) =>
    database.query('SELECT details FROM audit_events WHERE subject = $1 AND kind = $2', [id, kind]);

  it.each<[name: string, method: string, body: object | undefined, kind: string]>([
    ['deleting', 'DELETE', undefined, 'token.deleted'],
    ['expiring', 'PATCH', { seconds_until_expire: 0 }, 'token.expiry_changed'],
    ['expiring and renaming', 'PATCH', { seconds_until_expire: -1, name: 'Old' }, 'token.expiry_changed'],
  ])('when %s an App-Token ends what users got through it, on every server', async (_, method, body, kind) => {
    const { appToken, id, userTokens } = await application();
    const elsewhere = (await application()).userTokens[0] ?? '';
    for (const at of [server, other])
      for (const token of [...userTokens, elsewhere]) expect(await statusOf(token, at)).toBe(200);
    expect((await call(method, `${APPS}/${appToken}?cascade=true`, body)).status).toBe(method === 'DELETE' ? 204 : 200);
    for (const token of userTokens) {
      expect(await statusOf(token)).toBe(401);
      expect((await rowOf(database, token)).revoked_at).not.toBeNull();
      await eventually(async () => {
        expect(await statusOf(token, other)).toBe(401);
      });
    }
    expect(await statusOf(elsewhere)).toBe(200);
    expect(await appStatusOf(appToken)).toBe(401);
    expect(await events(id, kind)).toMatchObject([{ details: { kind: 'app', ended: 3 } }]);
  });

  it('neither locks nor counts what has expired, which may be much', async () => {
    const { id, userTokens } = await application();
    const expired = await idOf(userTokens[0] ?? '');
    await database.query('UPDATE tokens SET expires_at = now() WHERE id = $1', [expired]);
    await whileLocked(database, 'SELECT FROM tokens WHERE id = $1 FOR UPDATE', [expired], async () => {
      expect((await call('DELETE', `${APPS}/${id}?cascade=true`)).status).toBe(204);
    });
    expect(await events(id, 'token.deleted')).toMatchObject([{ details: { kind: 'app', ended: 2 } }]);
  });

  it('leaves alone what was made with it: App-Tokens and API tokens', async () => {
    const { appToken, id, throughIt } = await application();
    const apiToken = await newApiToken(server, appToken, randomUUID());
    const second = await newAppToken(server, throughIt);
    expect((await call('DELETE', `${APPS}/${id}?cascade=true`)).status).toBe(204);
    expect((await server.call('GET', '/v1/api/auth', undefined, bearer(apiToken))).status).toBe(200);
    expect(await appStatusOf(second)).toBe(200);
  });

  it('ends what was made with a token on behalf of somebody, which has ended', async () => {
    const { appToken, id, userTokens } = await application();
    const behalf = { ...admin, headers: tokenHeaders(appToken, userTokens[2] ?? '') };
    const made = await newAppToken(server, behalf);
    expect(await appStatusOf(made)).toBe(200);
    await call('DELETE', `${APPS}/${id}?cascade=true`);
    expect(await appStatusOf(made)).toBe(401);
  });

  it("may end one's own token too, and is the owner's alone", async () => {
    const user = await signedInUser(server);
    const guest = await signUp(server);
    const guestToken = await logIn(server, user.appToken, guest);
    const stranger = await signedInUser(server);
    const path = `${APPS}/${await idOf(user.appToken)}?cascade=true`;
    expect((await call('DELETE', path, undefined, stranger)).status).toBe(404);
    const guestHeaders = { ...user, headers: tokenHeaders(user.appToken, guestToken) };
    expect((await call('DELETE', path, undefined, guestHeaders)).status).toBe(404);
    expect([await statusOf(user.token), await statusOf(guestToken)]).toEqual([200, 200]);
    expect((await call('DELETE', path, undefined, user)).status).toBe(204);
    expect([await statusOf(user.token), await statusOf(guestToken)]).toEqual([401, 401]);
    expect(await statusOf(stranger.token)).toBe(200);
  });

  it('is refused where the App-Token does not end, and for a user token; nothing has changed then', async () => {
    const { id, userTokens } = await application();
    const WITHOUT_END = 'is only for a seconds_until_expire of zero or less, which ends the token';
    for (const body of [{ seconds_until_expire: 60 }, { name: 'x' }]) {
      const answer = await call('PATCH', `${APPS}/${id}?cascade=true`, body);
      expect(outcome(answer)).toEqual([400, { errors: { cascade: WITHOUT_END } }]);
    }
    for (const value of ['yes', '1', '', 'TRUE'])
      expect(outcome(await call('DELETE', `${APPS}/${id}?cascade=${value}`))).toEqual([
        400,
        { errors: { cascade: 'must be true or false' } },
      ]);
    const answer = await call('DELETE', `${TOKENS}/${userTokens[0] ?? ''}?cascade=true`);
    expect(outcome(answer)).toEqual([400, { errors: { cascade: 'Unknown query parameter: cascade.' } }]);
    expect((await call('PATCH', `${APPS}/${id}?cascade=false`, { seconds_until_expire: 600 })).status).toBe(200);
    expect((await call('PATCH', `${APPS}/${randomUUID()}?cascade=true`, { seconds_until_expire: 0 })).status).toBe(404);
    for (const token of userTokens) expect(await statusOf(token)).toBe(200);
    expect((await call('GET', `${APPS}/${id}`)).body).toMatchObject({ name: 'The till' });
  });

  it('leaves no token over of a login that is under way', async () => {
    const { appToken, id, people } = await application();
    const person = people[0] ?? { email: '', password: '' };
    const body = { username: person.email, password: person.password };
    const logInAt = (at: TestServer) => at.call('POST', '/api/v1/token/', body, { 'app-token': appToken });
    // The login has its token and waits for its event.
    const [login, ended] = await whileNoEvent('sign_in', async () => {
      const early = logInAt(other);
      await waiting(database, 1);
      const end = call('DELETE', `${APPS}/${id}?cascade=true`);
      await waiting(database, 2);
      return [early, end] as const;
    });
    expect((await ended).status).toBe(204);
    const { status, body: answer } = await login;
    expect(status).toBe(200);
    expect(await statusOf(answer.token as string)).toBe(401);
    expect((await logInAt(other)).status).toBe(401);
    const left = await database.query('SELECT 1 FROM tokens WHERE app_token_id = $1 AND revoked_at IS NULL', [id]);
    expect(left).toEqual([]);
  });

  it('leaves none over of a login that waits for it, and learns that the App-Token has ended', async () => {
    const { appToken, id, people } = await application();
    const person = people[0] ?? { email: '', password: '' };
    const body = { username: person.email, password: person.password };
    // It has ended the App-Token and waits for its event. The login's statement has begun by then.
    const [ended, login] = await whileNoEvent('token.deleted', async () => {
      const end = call('DELETE', `${APPS}/${id}?cascade=true`);
      await waiting(database, 1);
      const late = other.call('POST', '/api/v1/token/', body, { 'app-token': appToken });
      await waiting(database, 2);
      return [end, late] as const;
    });
    expect((await ended).status).toBe(204);
    expect((await login).status).toBe(401);
    const left = await database.query('SELECT 1 FROM tokens WHERE app_token_id = $1 AND revoked_at IS NULL', [id]);
    expect(left).toEqual([]);
  });

  it('leaves none over of twenty at once, at two servers, whoever comes first', async () => {
    const { appToken, id, people, throughIt } = await application();
    const logins = Array.from({ length: 10 }, (_, index) => {
      const { email, password } = people[index % 2] ?? { email: '', password: '' };
      const at = index % 2 === 0 ? server : other;
      return at.call('POST', '/api/v1/token/', { username: email, password }, { 'app-token': appToken });
    });
    const onBehalf = Array.from({ length: 8 }, () => call('POST', TOKENS, { user: people[1]?.id }, throughIt));
    const ends = Array.from({ length: 2 }, () => call('DELETE', `${APPS}/${id}?cascade=true`));
    const statuses = (await Promise.all(ends)).map(({ status }) => status);
    expect(statuses.sort()).toEqual([204, 404]);
    for (const { status } of await Promise.all(logins)) expect([200, 401]).toContain(status);
    for (const { status } of await Promise.all(onBehalf)) expect([201, 401]).toContain(status);
    const left = await database.query('SELECT 1 FROM tokens WHERE app_token_id = $1 AND revoked_at IS NULL', [id]);
    expect(left).toEqual([]);
  });
});

describe('OpenAPI', () => {
  it('describes every answer that these tests saw', () => {
    expect(server.answers.undescribed()).toEqual([]);
  });
});
