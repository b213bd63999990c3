import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { admin, client, database, replica, server, user, withTwoServers } from './support/idempotency.js';
import { waiting, whileLocked } from './support/locks.js';
import { newClient } from './support/oauth.js';
import { bearer, newEmail, signUp, type Answer } from './support/server.js';
import { newAppToken, oboToken, signedInUser } from './support/tokens.js';

withTwoServers();

type Headers = Record<string, string>;

/** Something that is shown and changed at the same path. */
interface Resource {
  path: string;
  headers: Headers;
}

interface Changing {
  route: string;
  method: string;
  make: () => Promise<Resource>;
  /** Each makes another representation. */
  body: () => object;
}

let count = 0;
const next = () => (count += 1);
const rename = () => ({ name: `Another name ${next()} of ${process.pid}` });
const expire = () => ({ seconds_until_expire: 10_000 + next() });

async function organisation(prefix: string): Promise<Resource> {
  const { body } = await server.call('POST', '/api/accounts', { name: `Shown ${next()} ${process.pid}` }, client.basic);
  return { path: `${prefix}/${(body as { id: string }).id}`, headers: client.basic };
}

const CHANGES: Changing[] = [
  { route: '/accounts/{id}', method: 'PATCH', make: () => organisation('/accounts'), body: rename },
  { route: '/api/accounts/{id}', method: 'PATCH', make: () => organisation('/api/accounts'), body: rename },
  { route: '/api/accounts/{id}', method: 'PUT', make: () => organisation('/api/accounts'), body: rename },
  {
    route: '/api/v1/accounts/{id}',
    method: 'PATCH',
    make: async () => ({ path: `/api/v1/accounts/${(await signedInUser(server)).id}`, headers: admin.headers }),
    body: rename,
  },
  {
    route: '/api/v1/app_tokens/{name}',
    method: 'PATCH',
    make: async () => ({ path: `/api/v1/app_tokens/${await newAppToken(server, user)}`, headers: user.headers }),
    body: expire,
  },
  {
    route: '/api/v1/tokens/{name}',
    method: 'PATCH',
    make: async () => ({ path: `/api/v1/tokens/${await oboToken(server, admin, user.id)}`, headers: admin.headers }),
    body: expire,
  },
  {
    route: '/api/v1/oauth_clients/{id}',
    method: 'PATCH',
    make: async () => ({
      path: `/api/v1/oauth_clients/${(await newClient(server, { ownerId: admin.id })).id}`,
      headers: admin.headers,
    }),
    body: rename,
  },
  {
    route: '/accounts/{id}',
    method: 'PUT',
    make: async () => {
      const { id, token } = await signUp(server);
      return { path: `/accounts/${id}`, headers: bearer(token) };
    },
    body: () => ({ account: { email: newEmail(), password: 'example' } }),
  },
  {
    route: '/account',
    method: 'PATCH',
    make: async () => ({ path: '/account', headers: bearer((await signUp(server)).token) }),
    body: () => ({ account: { locale: `de-x-${next()}` } }),
  },
];

const read = ({ path, headers }: Resource, at = server) => at.call('GET', path, undefined, headers);
const etagOf = (answer: Answer) => answer.headers.get('etag') ?? 'none';
const text = (answer: Answer) => JSON.stringify(answer.body);

describe.each(CHANGES)('$method $route with If-Match', ({ route, method, make, body }: Changing) => {
  const change = ({ path, headers }: Resource, ifMatch: string, at = server, given = body()) =>
    at.call(method, path, given, { ...headers, 'if-match': ifMatch });

  it('changes what is as it was read', async () => {
    const it = await make();
    const shown = await read(it);
    expect(etagOf(await read(it, replica))).toBe(etagOf(shown));
    const answer = await change(it, `"another", ${etagOf(shown)}`, replica);
    expect([answer.status, text(answer)]).toEqual([200, expect.any(String)]);
  });

  it.each([
    ['one that is stale', () => '"AAAAAAAAAAAAAAAAAAAAAAAAAAA"'],
    ['a weak one', (etag: string) => `W/${etag}`],
    ['several others', () => '"a", W/"b"'],
  ])('is 412 for %s, and changes nothing', async (_, tag) => {
    const it = await make();
    const before = await read(it);
    const answer = await change(it, tag(etagOf(before)));
    expect([answer.status, text(answer)]).toEqual([
      412,
      expect.stringContaining('The resource has changed since you fetched it.'),
    ]);
    const after = await read(it, replica);
    expect([text(after), etagOf(after)]).toEqual([text(before), etagOf(before)]);
  });

  it('takes `*` for whatever there is, and refuses what is no tag', async () => {
    const it = await make();
    for (const tag of ['abc', '"open', '*, "a"', '']) expect([tag, (await change(it, tag)).status]).toEqual([tag, 400]);
    expect((await change(it, '*')).status).toBe(200);
  });

  it('lets one of twenty that read the same change it, on two servers', async () => {
    const it = await make();
    const etag = etagOf(await read(it));
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => change(it, etag, i % 2 === 0 ? server : replica)),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    // A change of credentials ends the session of the others, and there are only so many in an hour.
    const refused = `${method} ${route}` === 'PUT /accounts/{id}' ? [401, 412, 429] : [412];
    expect(statuses.filter((status) => status !== 200 && !refused.includes(status))).toEqual([]);
  });
});

describe('If-Match', () => {
  it.each([
    ['/api/accounts', () => client.basic, rename],
    ['/accounts', () => client.basic, rename],
    ['/api/v1/accounts', () => admin.headers, rename],
    ['/api/v1/app_tokens', () => admin.headers, expire],
    ['/api/v1/oauth_clients', () => admin.headers, rename],
  ])('does not hide that nothing is there: %s', async (path, headers, body) => {
    for (const tag of ['*', '"a"']) {
      const answer = await server.call('PATCH', `${path}/${randomUUID()}`, body(), { ...headers(), 'if-match': tag });
      expect(answer.status).toBe(404);
    }
  });

  it('is judged for a change of nothing too', async () => {
    const { path, headers } = await organisation('/accounts');
    expect((await server.call('PATCH', path, {}, { ...headers, 'if-match': '"a"' })).status).toBe(412);
    expect((await server.call('PATCH', path, {}, { ...headers, 'if-match': '*' })).status).toBe(200);
  });

  it('sees a change that commits while it waits for the row', async () => {
    const it = await organisation('/api/accounts');
    const etag = etagOf(await read(it));
    const id = it.path.split('/').at(-1);
    const rename = `UPDATE accounts SET name = 'Meanwhile ${process.pid}' WHERE id = $1`;
    const [answer] = await whileLocked(database, rename, [id], async () => {
      const sent = server.call('PATCH', it.path, { name: 'Lost' }, { ...it.headers, 'if-match': etag });
      await waiting(database, 1);
      return [sent];
    });
    expect((await answer).status).toBe(412);
    expect((await read(it)).body).toMatchObject({ name: `Meanwhile ${process.pid}` });
  });
});

describe('An ETag', () => {
  it('is of the representation only: what is as it was has the tag that it had', async () => {
    const { id } = await newClient(server, { ownerId: admin.id });
    const it = { path: `/api/v1/oauth_clients/${id}`, headers: admin.headers };
    const tags = [etagOf(await read(it))];
    for (const name of ['other', 'test']) {
      expect((await server.call('PATCH', it.path, { name }, it.headers)).status).toBe(200);
      tags.push(etagOf(await read(it)));
    }
    expect(tags).toEqual([tags[0], expect.not.stringMatching(tags[0] ?? ''), tags[0]]);
  });
});

it('every answer that was seen here is described', () => {
  expect([...server.answers.undescribed(), ...replica.answers.undescribed()]).toEqual([]);
});
