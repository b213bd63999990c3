import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { CLIENT_SCOPE_NAMES } from '../../src/access/client-scopes.js';
import { Sweeper } from '../../src/database/sweeper.service.js';
import {
  client,
  credential,
  CREDENTIALS,
  database,
  disable,
  get,
  type Headers,
  identify,
  newBlock,
  newDomain,
  newName,
  NOT_FOUND,
  nothingFailedUnexpectedly,
  organisation,
  outcome,
  patch,
  post,
  remove,
  rowOf,
  server,
  URL_BACK,
  visitor,
  withClient,
} from '../support/connect-contract.js';
import { newAccessToken, newClient } from '../support/oauth.js';
import { bearer, signUp } from '../support/server.js';
import { callExactly, changeAccount, logIn, makeAdmin, newApiToken, tokenHeaders } from '../support/tokens.js';

withClient();

describe('Every route of clients wants its scope', () => {
  /** What each route wants, what it is called with, and what it answers. */
  const ROUTES = [
    ['accounts:read', 'GET', '/accounts/{id}', 200],
    ['accounts:read', 'GET', '/api/accounts', 200],
    ['accounts:read', 'GET', '/api/accounts/{id}', 200],
    ['accounts:write', 'PATCH', '/accounts/{id}', 200],
    ['accounts:write', 'PATCH', '/api/accounts/{id}', 200],
    ['accounts:write', 'PUT', '/api/accounts/{id}', 200],
    ['accounts:write', 'POST', '/api/accounts', 201],
    ['accounts:write', 'DELETE', '/api/accounts/{id}', 204],
    ['identifications', 'GET', '/api', 200],
    ['identifications', 'POST', '/api/identifications', 201],
    ['identifications', 'GET', '/api/identifications/{identification}', 200],
  ] as const;

  const bodyFor = (method: string, path: string): unknown => {
    if (path === '/api/identifications' && method === 'POST') return visitor();
    return method === 'POST'
      ? { name: newName() }
      : method === 'PATCH' || method === 'PUT'
        ? { publisher_reference: 'x' }
        : undefined;
  };

  it.each(ROUTES)('%s for %s %s', async (scope, method, path, success) => {
    const { id } = await organisation();
    const others = CLIENT_SCOPE_NAMES.filter((name) => name !== scope);
    const [able, unable] = await Promise.all([
      newClient(server, { scopes: [scope] }),
      newClient(server, { scopes: others }),
    ]);
    const narrowed = await newAccessToken(server, client, others.join(' '));
    const bare = await newClient(server, { scopes: [] });
    const tokens = await Promise.all([able, unable, bare].map((each) => newAccessToken(server, each)));
    const made = await post('/api/identifications', visitor());
    const target = path.replace('{id}', id);
    const request = (headers: Headers) =>
      server.call(method, target.replace('{identification}', made.body.id as string), bodyFor(method, path), headers);
    const before = await rowOf(id);
    for (const headers of [...[tokens[1] ?? '', tokens[2] ?? '', narrowed].map(bearer), unable.basic, bare.basic]) {
      const answer = await request(headers);
      expect(outcome(answer)).toEqual([
        403,
        { status_code: 403, message: `The client does not have the ${scope} scope.` },
      ]);
      const challenge = answer.headers.get('www-authenticate');
      if (headers.authorization.startsWith('Basic')) expect(challenge).toBeNull();
      else expect(challenge).toBe(`Bearer realm="latchkey", error="insufficient_scope", scope="${scope}"`);
    }
    expect(await rowOf(id)).toEqual(before);
    const dialect = path === '/accounts/{id}' && method === 'GET' ? { id: 'unauthorized' } : { status_code: 401 };
    const nobody = await request({});
    expect(nobody).toMatchObject({ status: 401, body: dialect });
    expect(nobody.headers.get('www-authenticate')).toMatch(/^Bearer realm=/);
    const { status } = await request(path.includes('{identification}') ? client.basic : able.basic);
    expect(status).toBe(success);
    // 404: it was deleted just now, or is another client's.
    const again = method === 'DELETE' || path.includes('{identification}') ? 404 : success;
    expect((await request(bearer(tokens[0] ?? ''))).status).toBe(again);
  });

  it('credentials of other kinds are no clients', async () => {
    const person = await signUp(server);
    const { appToken, email, password } = await makeAdmin(server);
    const user = await logIn(server, appToken, { email, password });
    for (const headers of [
      bearer(person.token),
      bearer(appToken),
      bearer(user),
      bearer(await newApiToken(server, appToken, 1)),
      tokenHeaders(appToken, user),
    ]) {
      for (const [, method, path] of ROUTES.filter((route) => route[2] !== '/accounts/{id}')) {
        const answer = await server.call(method, path.replace(/\{.*\}/, person.id), bodyFor(method, path), headers);
        expect(answer).toMatchObject({ status: 401, body: { status_code: 401 } });
      }
    }
  });
});

describe('Identification Info', () => {
  const path = (id: unknown) => `/api/identifications/${id as string}`;

  it.each(CREDENTIALS)('Response Example: 200 with what creating it was answered, for `%s`', async (spelling) => {
    const { ipv4 } = newBlock();
    const domain = newDomain();
    await organisation({ networks: [`${ipv4}.0.0/16`], email_domains: [domain] });
    const { body } = await identify({ ip: `${ipv4}.0.1`, email: `a@${domain}` });
    const headers = await credential(spelling);
    for (const id of [body.id as string, (body.id as string).toUpperCase(), `${body.id as string}/`]) {
      expect(outcome(await get(path(id), headers))).toEqual([200, body]);
    }
  });

  it('another client’s is 404, as is what does not exist', async () => {
    const { body } = await identify();
    const other = await newClient(server);
    const ids = [body.id, randomUUID(), 'x', '0', `${body.id as string}0`, '00000000-0000-0000-0000-000000000000'];
    for (const id of [...ids, encodeURIComponent(`${body.id as string}' OR true --`), 'a'.repeat(4_000)]) {
      expect(outcome(await get(path(id), other.basic))).toEqual(NOT_FOUND);
      if (id !== body.id) expect(outcome(await get(path(id)))).toEqual(NOT_FOUND);
    }
    expect((await get(path(body.id))).status).toBe(200);
  });

  it('shows the account as it is now', async () => {
    const { ipv4 } = newBlock();
    const domain = newDomain();
    const { id } = await organisation({ networks: [`${ipv4}.0.0/16`], email_domains: [domain] });
    const { body } = await identify({ ip: `${ipv4}.0.1`, email: `a@${domain}` });
    const name = newName();
    await patch(`/accounts/${id}`, { name, publisher_reference: 'now', networks: [], email_domains: [] });
    const now = { id, account_name: name, publisher_reference: 'now' };
    expect((await get(path(body.id))).body).toMatchObject({
      status: 'identified',
      account: now,
      user_institution: now,
    });
  });

  it('does not show an account that has been disabled since, nor one that has been deleted', async () => {
    const { ipv4 } = newBlock();
    const domain = newDomain();
    const account = await organisation({ networks: [`${ipv4}.0.0/16`] });
    const institution = await organisation({ email_domains: [domain] });
    const { body } = await identify({ ip: `${ipv4}.0.1`, email: `a@${domain}` });
    const none = { account: null, target_account: null, account_individual: null, user_institution: null };
    const { _links, created, id } = body;
    const rest = { _links, created, id, ip: `${ipv4}.0.1`, email: `a@${domain}`, url: URL_BACK, user_agent: 'example' };
    await disable(account.id);
    const { user_institution } = body;
    const expected = { ...rest, status: 'wayf', ...none };
    expect((await get(path(id))).body).toEqual({ ...expected, user_institution });
    await disable(institution.id);
    expect((await get(path(id))).body).toEqual(expected);
    await changeAccount(server, account.id, 'UPDATE accounts SET disabled_at = NULL WHERE id = $1');
    await changeAccount(server, institution.id, 'UPDATE accounts SET disabled_at = NULL WHERE id = $1');
    expect((await get(path(id))).body).toEqual(body);
    expect((await remove(`/api/accounts/${account.id}`)).status).toBe(204);
    expect((await get(path(id))).body).toEqual({ ...expected, user_institution });
    expect((await remove(`/api/accounts/${institution.id}`)).status).toBe(204);
    expect((await get(path(id))).body).toEqual(expected);
  });

  it('is 404 from the moment it expires, and what has no partition of its time is swept away then', async () => {
    const [expired, alive] = [await identify(), await identify()].map(({ body }) => body.id as string);
    const expire = (seconds: number) =>
      database.query(`UPDATE identifications SET expires_at = now() + $2 * interval '1 second' WHERE id = $1`, [
        expired,
        seconds,
      ]);
    await expire(60);
    expect((await get(path(expired))).status).toBe(200);
    await expire(0);
    expect(outcome(await get(path(expired)))).toEqual(NOT_FOUND);
    // As if it was from before the table had partitions.
    await database.query(`UPDATE identifications SET created_at = now() - interval '20 days' WHERE id = $1`, [expired]);
    expect(await server.app.get(Sweeper).sweep()).toBeGreaterThanOrEqual(1);
    expect(await database.query('SELECT id FROM identifications WHERE id = ANY ($1)', [[expired, alive]])).toEqual([
      { id: alive },
    ]);
    expect((await get(path(alive))).status).toBe(200);
  });

  it('goes with its client', async () => {
    const leaving = await newClient(server);
    const { body } = await identify({}, leaving.basic);
    await database.query('DELETE FROM oauth_clients WHERE id = $1', [leaving.id]);
    expect(await database.query('SELECT 1 FROM identifications WHERE id = $1', [body.id])).toEqual([]);
  });
});

describe('The entry point', () => {
  it.each(['/api', '/api/'])('GET %s says where the rest is', async (path) => {
    expect(outcome(await get(path))).toEqual([
      200,
      {
        _links: {
          self: { href: 'http://latchkey.test/api' },
          '@new_identification': { href: 'http://latchkey.test/api/identifications' },
          '@get_identification': { href: 'http://latchkey.test/api/identifications/{id}', templated: true },
          '@new_account': { href: 'http://latchkey.test/api/accounts' },
        },
      },
    ]);
  });

  it('leads to a new identification, and that to itself', async () => {
    const here = (href: string) => new URL(href).pathname;
    const { _links: links } = (await get('/api')).body;
    const { body } = await post(here(links['@new_identification'].href as string), visitor());
    const { href } = links['@get_identification'] as { href: string };
    expect(decodeURI(here(href)).replace('{id}', body.id as string)).toBe(here(body._links.self.href as string));
    expect((await get(here(body._links.self.href as string))).body).toEqual(body);
  });
});

describe('Other methods and other paths', () => {
  it.each([
    ['/api', 'GET, HEAD'],
    ['/api/accounts', 'GET, HEAD, POST'],
    [`/api/accounts/${randomUUID()}`, 'DELETE, GET, HEAD, PATCH, PUT'],
    ['/api/identifications', 'POST'],
    [`/api/identifications/${randomUUID()}`, 'GET, HEAD'],
  ])('405 with Allow: %s has %s', async (path, allowed) => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((name) => !allowed.includes(name))) {
      const answer = await server.call(method, path, undefined, client.basic);
      expect(answer.headers.get('allow')).toBe(allowed);
      expect(outcome(answer)).toEqual([405, { status_code: 405, message: `This URL only accepts ${allowed}.` }]);
    }
  });

  it.each([
    '/api/x',
    '/api/accounts/a/b',
    '/api/identifications/a/b',
    '/api/account',
    '/api//accounts',
    '/api/v2/tokens',
  ])('404 in the dialect of the neighbours: %s', async (path) => {
    const answer = await callExactly(server, 'GET', path, undefined, client.basic);
    expect(outcome(answer)).toEqual([404, { status_code: 404, message: 'Not found.' }]);
  });
});

nothingFailedUnexpectedly();
