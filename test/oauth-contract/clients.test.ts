import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { EntityManager } from 'typeorm';
import { CLIENT_SCOPE_NAMES } from '../../src/access/client-scopes.js';
import { OauthClients } from '../../src/oauth/oauth-clients.service.js';
import {
  admin,
  ask,
  CLIENTS,
  database,
  get,
  type Headers,
  introspect,
  type MadeClient,
  make,
  opens,
  outcome,
  patch,
  post,
  refused,
  remove,
  server,
  sha256,
  withAsker,
} from '../support/oauth-contract.js';
import { basic, newAccessToken, newClient, postForm, type Client } from '../support/oauth.js';
import { bearer, call, signUp, type Answer } from '../support/server.js';
import {
  changeAccount,
  makeAdmin,
  oboToken,
  rowOf,
  signedInAdmin,
  signedInUser,
  tokenHeaders,
} from '../support/tokens.js';

withAsker();

const UUID = expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const SECRET = expect.stringMatching(/^[\w-]{43}$/);
const NOT_FOUND = [404, { errors: { request: 'Not found, or you do not have access to it.' } }];

const secretRows = (client: string) =>
  database.query<{ id: string; digest: Buffer; hint: string; last_used_at: Date | null }>(
    'SELECT id, digest, hint, last_used_at FROM oauth_client_secrets WHERE client_id = $1 ORDER BY created_at, id',
    [client],
  );

async function addSecret({ id }: Client): Promise<MadeClient> {
  const { status, body } = await post(`${CLIENTS}/${id}/secrets`, undefined, admin.headers);
  expect(status).toBe(201);
  const { client_secret: secret, secrets } = body as { client_secret: string; secrets: { id: string }[] };
  return { id, secret, basic: basic(id, secret), secretId: secrets.at(-1)?.id ?? '' };
}

describe('Clients', () => {
  const record = ({ id, secret }: Client, extra: object = {}) => ({
    id,
    name: 'Reading room',
    scopes: CLIENT_SCOPE_NAMES,
    owner: admin.id,
    actor: null,
    created_at: TIME,
    expires_at: null,
    secrets: [{ id: UUID, hint: secret.slice(-4), actor: null, created_at: TIME, last_used_at: null }],
    ...extra,
  });

  it('are made with a secret that is shown once and works', async () => {
    const scopes = ['accounts:read', 'identifications'];
    const answer = await post(`${CLIENTS}/`, { name: 'Reading room', scopes }, admin.headers);
    const { id, client_secret: secret } = answer.body as { id: string; client_secret: string };
    const client = { id, secret, basic: basic(id, secret) };
    expect(outcome(answer)).toEqual([201, record(client, { id: UUID, scopes, client_secret: SECRET })]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect((await ask(client)).body.scope).toBe(scopes.join(' '));
    const [row] = await secretRows(id);
    expect(row).toMatchObject({ digest: sha256(secret), hint: secret.slice(-4) });
    for (const seen of [await get(`${CLIENTS}/${id}`, admin.headers), await get(CLIENTS, admin.headers)]) {
      expect(JSON.stringify(seen.body)).toContain(id);
      expect(JSON.stringify(seen.body)).not.toContain(secret);
      expect(JSON.stringify(seen.body)).not.toContain('digest');
    }
  });

  it('are shown one by one, with and without a slash', async () => {
    const client = await make();
    for (const path of [`${CLIENTS}/${client.id}`, `${CLIENTS}/${client.id}/`]) {
      expect(outcome(await get(path, admin.headers))).toEqual([200, record(client)]);
    }
  });

  it('tell when each secret was last used', async () => {
    const client = await make();
    await ask(client);
    const { body } = await get(`${CLIENTS}/${client.id}`, admin.headers);
    expect(body.secrets).toEqual([
      { id: client.secretId, hint: client.secret.slice(-4), actor: null, created_at: TIME, last_used_at: TIME },
    ]);
  });

  it.each<[body: unknown, errors: object]>([
    [{}, { name: 'is required', scopes: 'is required' }],
    [undefined, { name: 'is required', scopes: 'is required' }],
    [{ name: '', scopes: [] }, { name: 'must be one line of text' }],
    [{ name: ' ', scopes: [] }, { name: 'must be one line of text' }],
    [{ name: 'a\nb', scopes: [] }, { name: 'must be one line of text' }],
    [{ name: 'a'.repeat(256), scopes: [] }, { name: 'must be at most 255 characters' }],
    [{ name: 5, scopes: [] }, { name: 'must be a string' }],
    [{ name: 'a', scopes: 'accounts:read' }, { scopes: 'must be a list of known scopes' }],
    [{ name: 'a', scopes: ['nonsense'] }, { scopes: 'must be a list of known scopes' }],
    [{ name: 'a', scopes: [null] }, { scopes: 'must be a list of known scopes' }],
    [{ name: 'a', scopes: ['accounts:read', 'accounts:read'] }, { scopes: 'must not repeat a scope' }],
    [{ name: 'a', scopes: [], id: 'mine' }, { id: 'You cannot specify your own id.' }],
    [{ name: 'a', scopes: [], id: null }, { id: 'You cannot specify your own id.' }],
    [{ name: 'a', scopes: [], client_secret: 'x' }, { client_secret: 'You cannot specify your own secret.' }],
  ])('are not made, and not changed, with %j', async (body, errors) => {
    expect(outcome(await post(CLIENTS, body, admin.headers))).toEqual([400, { errors }]);
    if (body === undefined || Object.keys(body as object).length === 0) return;
    const client = await make();
    expect(outcome(await patch(`${CLIENTS}/${client.id}`, body, admin.headers))).toEqual([400, { errors }]);
    expect(outcome(await get(`${CLIENTS}/${client.id}`, admin.headers))).toEqual([200, record(client)]);
  });

  it('are not made, and not changed, with fields that are null', async () => {
    const nothing = { name: null, scopes: null };
    const required = { name: 'is required', scopes: 'is required' };
    expect(outcome(await post(CLIENTS, nothing, admin.headers))).toEqual([400, { errors: required }]);
    const client = await make();
    const errors = { name: 'must be a string', scopes: 'must be a list of known scopes' };
    expect(outcome(await patch(`${CLIENTS}/${client.id}`, nothing, admin.headers))).toEqual([400, { errors }]);
    expect(outcome(await get(`${CLIENTS}/${client.id}`, admin.headers))).toEqual([200, record(client)]);
  });

  it('that nobody knows are 404, whatever is asked', async () => {
    for (const id of [randomUUID(), 'nonsense', "'%20OR%20true", '%F0%9F%8F%A6', 'a'.repeat(101)]) {
      const path = `${CLIENTS}/${id}`;
      for (const answer of [
        await get(path, admin.headers),
        await patch(path, { name: 'x' }, admin.headers),
        await remove(path, admin.headers),
        await post(`${path}/revoke`, undefined, admin.headers),
        await post(`${path}/secrets`, undefined, admin.headers),
        await remove(`${path}/secrets/${randomUUID()}`, admin.headers),
      ]) {
        expect([id, ...outcome(answer)]).toEqual([id, ...NOT_FOUND]);
      }
    }
  });

  describe('are for admins only:', () => {
    const requests: [name: string, request: (client: MadeClient, headers: Headers) => Promise<Answer>][] = [
      ['make', (_, headers) => post(CLIENTS, { name: 'x', scopes: [] }, headers)],
      ['list', (_, headers) => get(CLIENTS, headers)],
      ['show', ({ id }, headers) => get(`${CLIENTS}/${id}`, headers)],
      ['change', ({ id }, headers) => patch(`${CLIENTS}/${id}`, { name: 'x' }, headers)],
      ['delete', ({ id }, headers) => remove(`${CLIENTS}/${id}`, headers)],
      ['end tokens', ({ id }, headers) => post(`${CLIENTS}/${id}/revoke`, undefined, headers)],
      ['add a secret', ({ id }, headers) => post(`${CLIENTS}/${id}/secrets`, undefined, headers)],
      ['delete a secret', ({ id, secretId }, headers) => remove(`${CLIENTS}/${id}/secrets/${secretId}`, headers)],
    ];

    it.each(requests)('%s', async (_, request) => {
      const client = await make();
      const user = await signedInUser(server);
      const token = await newAccessToken(server, client);
      const onBehalf = tokenHeaders(admin.appToken, await oboToken(server, admin, user.id));
      for (const headers of [user.headers, onBehalf]) {
        const answer = await request(client, headers);
        expect(outcome(answer)).toEqual([403, { errors: { request: 'This requires an admin account.' } }]);
      }
      for (const headers of [
        {},
        { 'app-token': admin.appToken },
        { token: admin.token },
        client.basic,
        bearer(token),
      ]) {
        expect((await request(client, headers)).status).toBe(401);
      }
      expect((await get(`${CLIENTS}/${client.id}`, admin.headers)).body).toMatchObject({ name: 'Reading room' });
      expect(await opens(bearer(token))).toBe(true);
    });
  });

  it('are made in the name of the admin that somebody acts for', async () => {
    const other = await signedInAdmin(server);
    const acting = { ...other, headers: tokenHeaders(admin.appToken, await oboToken(server, admin, other.id)) };
    const client = await make(['accounts:read'], acting);
    expect((await get(`${CLIENTS}/${client.id}`, admin.headers)).body.owner).toBe(other.id);
    expect(await eventsOf(client.id)).toMatchObject([
      { kind: 'oauth_client.created', actor_id: admin.id, on_behalf_of: other.id },
    ]);
  });

  describe('are listed', () => {
    /** Follows Link to the end. */
    async function pages(): Promise<{ id: string }[][]> {
      const found: { id: string }[][] = [];
      let url: string | undefined = `${server.url}${CLIENTS}/`;
      while (url !== undefined && found.length < 20) {
        const answer = await call(url, 'GET', undefined, admin.headers);
        expect(answer.status).toBe(200);
        found.push(answer.body.oauth_clients as { id: string }[]);
        const [, target] = /^<([^>]+)>; rel="next"$/.exec(answer.headers.get('link') ?? '') ?? [];
        url = target === undefined ? undefined : new URL(target, url).href;
      }
      return found;
    }

    it.each([1_000, 7])('newest first, a hundred a page, without gaps or repeats, %d to a microsecond', async (per) => {
      const client = await make();
      await database.query(
        `INSERT INTO oauth_clients (id, name, scopes, created_at)
         SELECT gen_random_uuid(), 'x', '{}', '2026-01-02T03:04:05.678901Z'::timestamptz + (n / $1::int) * interval '1 microsecond'
         FROM generate_series(1, 150) n`,
        [per],
      );
      const all = await database.query<{ id: string }>(
        'SELECT id FROM oauth_clients ORDER BY created_at DESC, id DESC',
      );
      const found = await pages();
      expect(found.flat().map(({ id }) => id)).toEqual(all.map(({ id }) => id));
      expect(found.slice(0, -1).map(({ length }) => length)).toEqual(Array(found.length - 1).fill(100));
      expect(found[0]?.[0]).toEqual(record(client));
    });

    it.each(['', 'nonsense', '1', '1.', `1.a b`, `-1.x`, `99999999999999999999.x`])(
      'refuse the cursor "%s" with 400',
      async (cursor) => {
        const answer = await get(`${CLIENTS}?cursor=${encodeURIComponent(cursor)}`, admin.headers);
        expect(outcome(answer)).toEqual([400, { errors: { cursor: 'is not a valid cursor' } }]);
      },
    );
  });

  describe('are changed:', () => {
    it('name, scopes and owner, each alone and all together', async () => {
      const client = await make();
      const other = await makeAdmin(server);
      const path = `${CLIENTS}/${client.id}`;
      for (const [change, now] of [
        [{ name: 'Other room' }, { name: 'Other room' }],
        [{ scopes: ['accounts:read'] }, { name: 'Other room', scopes: ['accounts:read'] }],
        [{ owner: other.id.toUpperCase() }, { name: 'Other room', scopes: ['accounts:read'], owner: other.id }],
        [{ name: 'Reading room', scopes: CLIENT_SCOPE_NAMES, owner: admin.id }, {}],
      ]) {
        expect(outcome(await patch(path, change, admin.headers))).toEqual([200, record(client, now)]);
        expect(outcome(await get(path, admin.headers))).toEqual([200, record(client, now)]);
      }
    });

    it.each<[name: string, owner: () => unknown, message: string]>([
      ['nobody', () => randomUUID(), 'is not an enabled admin'],
      ['a user', async () => (await signUp(server)).id, 'is not an enabled admin'],
      [
        'a disabled admin',
        async () => {
          const { id } = await makeAdmin(server);
          await changeAccount(server, id, 'UPDATE accounts SET disabled_at = now() WHERE id = $1');
          return id;
        },
        'is not an enabled admin',
      ],
      ['an email', () => admin.email, 'One or more IDs are not formatted correctly.'],
      ['null', () => null, 'One or more IDs are not formatted correctly.'],
      ['an empty text', () => '', 'One or more IDs are not formatted correctly.'],
    ])('not to the owner %s, and then nothing else is', async (_, owner, message) => {
      const client = await make();
      const change = { name: 'Other room', scopes: [], owner: await owner() };
      const answer = await patch(`${CLIENTS}/${client.id}`, change, admin.headers);
      expect(outcome(answer)).toEqual([400, { errors: { owner: message } }]);
      expect((await get(`${CLIENTS}/${client.id}`, admin.headers)).body).toEqual(record(client));
    });

    it('scopes that are taken are taken from live tokens at once, and come back to none of them', async () => {
      const client = await make();
      const token = await newAccessToken(server, client, 'accounts:read identifications');
      const narrow = await newAccessToken(server, client, 'identifications');
      expect([await opens(bearer(token)), await opens(client.basic)]).toEqual([true, true]);
      await patch(`${CLIENTS}/${client.id}`, { scopes: ['identifications'] }, admin.headers);
      expect([await opens(bearer(token)), await opens(client.basic)]).toEqual([false, false]);
      expect((await introspect(token)).body).toMatchObject({ active: true, scope: 'identifications' });
      for (const each of [token, narrow]) expect((await get('/api', bearer(each))).status).toBe(200);
      expect(outcome(await ask(client, { scope: 'accounts:read' }))).toEqual(refused(400, 'invalid_scope'));
      await patch(`${CLIENTS}/${client.id}`, { scopes: CLIENT_SCOPE_NAMES }, admin.headers);
      expect([await opens(bearer(token)), await opens(client.basic)]).toEqual([false, true]);
      expect((await rowOf(database, token)).scopes).toEqual(['identifications']);
    });

    it('a token that loses all its scopes opens nothing, and tells of none', async () => {
      const client = await make();
      const token = await newAccessToken(server, client, 'accounts:read');
      await patch(`${CLIENTS}/${client.id}`, { scopes: [] }, admin.headers);
      expect((await get('/api/accounts', bearer(token))).status).toBe(403);
      const { body } = await introspect(token);
      expect([body.active, body.scope]).toEqual([true, undefined]);
    });
  });

  it('are deleted with all that they have: secrets, tokens and identifications', async () => {
    const client = await make();
    const token = await newAccessToken(server, client);
    const visitor = { ip: '192.0.2.1', url: 'https://example.org', user_agent: 'x' };
    expect((await post('/api/identifications', visitor, bearer(token))).status).toBe(201);
    expect(await opens(client.basic)).toBe(true);
    expect(outcome(await remove(`${CLIENTS}/${client.id}`, admin.headers))).toEqual([204, '']);
    expect([await opens(bearer(token)), await opens(client.basic)]).toEqual([false, false]);
    expect(outcome(await ask(client))).toEqual(refused(401, 'invalid_client'));
    for (const table of ['oauth_client_secrets', 'tokens', 'identifications']) {
      expect(await database.query(`SELECT 1 FROM ${table} WHERE client_id = $1`, [client.id])).toEqual([]);
    }
    expect(outcome(await remove(`${CLIENTS}/${client.id}`, admin.headers))).toEqual(NOT_FOUND);
  });

  it('lose their tokens, and not their secrets, when an admin ends them', async () => {
    const [client, other] = [await make(), await make()];
    const tokens = [await newAccessToken(server, client), await newAccessToken(server, client)];
    const bystander = await newAccessToken(server, other);
    for (const token of tokens) expect(await opens(bearer(token))).toBe(true);
    expect(outcome(await post(`${CLIENTS}/${client.id}/revoke`, undefined, admin.headers))).toEqual([204, '']);
    expect(await Promise.all(tokens.map((token) => opens(bearer(token))))).toEqual([false, false]);
    expect(await opens(bearer(bystander))).toBe(true);
    expect(await opens(bearer(await newAccessToken(server, client)))).toBe(true);
  });

  it.each([
    ['disabled', 'UPDATE accounts SET disabled_at = now() WHERE id = $1'],
    ['no admin any more', `UPDATE accounts SET role = 'user' WHERE id = $1`],
  ])(
    'and all they hold are refused from the moment that their owner is %s, until another answers for them',
    async (_, sql) => {
      const owner = await signedInAdmin(server);
      const client = await make(CLIENT_SCOPE_NAMES, owner);
      const token = await newAccessToken(server, client);
      for (const headers of [bearer(token), client.basic]) expect(await opens(headers)).toBe(true);
      await changeAccount(server, owner.id, sql);
      for (const headers of [bearer(token), client.basic]) expect(await opens(headers)).toBe(false);
      expect(outcome(await ask(client))).toEqual(refused(401, 'invalid_client'));
      expect((await patch(`${CLIENTS}/${client.id}`, { owner: admin.id }, admin.headers)).status).toBe(200);
      for (const headers of [bearer(token), client.basic]) expect(await opens(headers)).toBe(true);
    },
  );

  it('that the first start made without an owner are good', async () => {
    const client = await newClient(server);
    expect((await get(`${CLIENTS}/${client.id}`, admin.headers)).body.owner).toBeNull();
    expect((await ask(client)).status).toBe(200);
  });

  it('have ids that nobody else has', async () => {
    const client = await newClient(server);
    const again = server.app
      .get(OauthClients)
      .add(server.app.get(EntityManager), { id: client.id, secret: 'x', name: 'x', scopes: [] });
    await expect(again).rejects.toMatchObject({ code: 'conflict' });
    expect(await secretRows(client.id)).toHaveLength(1);
  });
});

describe('Secrets', () => {
  const path = ({ id, secretId }: MadeClient) => `${CLIENTS}/${id}/secrets/${secretId}`;

  it('are two while one replaces the other, and both are good', async () => {
    const client = await make();
    const second = await addSecret(client);
    expect(second.secret).toEqual(SECRET);
    for (const each of [client, second, client]) expect((await ask(each)).status).toBe(200);
    expect((await secretRows(client.id)).map(({ digest }) => digest)).toEqual(
      [client, second].map((each) => sha256(each.secret)),
    );
    expect(outcome(await remove(path(client), admin.headers))).toEqual([204, '']);
    expect(outcome(await ask(client))).toEqual(refused(401, 'invalid_client'));
    expect((await ask(second)).status).toBe(200);
  });

  it('are never three', async () => {
    const client = await make();
    await addSecret(client);
    const third = await post(`${CLIENTS}/${client.id}/secrets`, undefined, admin.headers);
    expect(outcome(third)).toEqual([
      409,
      { errors: { request: 'The client already has two secrets. Delete one of them first.' } },
    ]);
    expect(await secretRows(client.id)).toHaveLength(2);
  });

  it('are two when twenty are asked for at once', async () => {
    const client = await make();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => post(`${CLIENTS}/${client.id}/secrets`, undefined, admin.headers)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(19).fill(409)]);
    expect(await secretRows(client.id)).toHaveLength(2);
  });

  it('that are deleted are refused at once everywhere, while the tokens that they got live on', async () => {
    const client = await make();
    const token = await newAccessToken(server, client);
    expect(await opens(client.basic)).toBe(true);
    await remove(path(client), admin.headers);
    expect(await opens(client.basic)).toBe(false);
    for (const address of ['/oauth/token', '/oauth/v2/token', '/oauth/introspect', '/oauth/revoke']) {
      expect((await postForm(server, address, { token }, client.basic)).status).toBe(401);
    }
    expect(await opens(bearer(token))).toBe(true);
    // A client without any is no dead end.
    expect(await secretRows(client.id)).toEqual([]);
    expect((await ask(await addSecret(client))).status).toBe(200);
  });

  it('of another client, of none and of no client at all are 404', async () => {
    const [client, other] = [await make(), await make()];
    for (const secretId of [other.secretId, randomUUID(), 'nonsense', client.secret]) {
      expect(outcome(await remove(path({ ...client, secretId }), admin.headers))).toEqual(NOT_FOUND);
    }
    expect(await secretRows(other.id)).toHaveLength(1);
    await remove(path(client), admin.headers);
    expect(outcome(await remove(path(client), admin.headers))).toEqual(NOT_FOUND);
  });
});

interface AuditRow extends pg.QueryResultRow {
  kind: string;
  actor_id: string;
  on_behalf_of: string | null;
  address: string;
  request_id: string;
}

const eventsOf = (subject: string) =>
  database.query<AuditRow>(
    `SELECT kind, actor_id, on_behalf_of, address, request_id FROM audit_events
     WHERE subject = $1 AND kind LIKE 'oauth_client.%' AND kind <> 'oauth_client.read' ORDER BY at`,
    [subject],
  );

/** Each change of a client, and the event that it leaves. */
const CHANGES: [kind: string, change: (client: MadeClient, headers: Headers) => Promise<Answer>][] = [
  ['oauth_client.changed', ({ id }, headers) => patch(`${CLIENTS}/${id}`, { name: 'x', scopes: [] }, headers)],
  ['oauth_client.secret_added', ({ id }, headers) => post(`${CLIENTS}/${id}/secrets`, undefined, headers)],
  [
    'oauth_client.secret_deleted',
    ({ id, secretId }, headers) => remove(`${CLIENTS}/${id}/secrets/${secretId}`, headers),
  ],
  ['oauth_client.revoked', ({ id }, headers) => post(`${CLIENTS}/${id}/revoke`, undefined, headers)],
  ['oauth_client.deleted', ({ id }, headers) => remove(`${CLIENTS}/${id}`, headers)],
];

describe('The audit log', () => {
  it('has each act on a client, with who did it and from where', async () => {
    const client = await make();
    const headers = { ...admin.headers, 'x-request-id': `trail-${client.id}`, 'x-forwarded-for': '198.51.100.7' };
    for (const [, change] of CHANGES) expect((await change(client, headers)).status).toBeLessThan(300);
    const origin = { actor_id: admin.id, on_behalf_of: null };
    const there = { ...origin, address: '198.51.100.7', request_id: `trail-${client.id}` };
    expect(await eventsOf(client.id)).toEqual([
      { kind: 'oauth_client.created', ...origin, address: '127.0.0.1', request_id: UUID },
      ...CHANGES.map(([kind]) => ({ kind, ...there })),
    ]);
  });

  it('has nothing of what was refused', async () => {
    const client = await make();
    const user = await signedInUser(server);
    for (const [, change] of CHANGES) expect((await change(client, user.headers)).status).toBe(403);
    await patch(`${CLIENTS}/${client.id}`, { owner: randomUUID() }, admin.headers);
    await remove(`${CLIENTS}/${client.id}/secrets/${randomUUID()}`, admin.headers);
    expect(await eventsOf(client.id)).toHaveLength(1);
  });

  /** All that is stored of a client. */
  const stored = ({ id }: Client) =>
    database.query(
      `SELECT to_jsonb(c) AS client,
         (SELECT jsonb_agg(to_jsonb(s) ORDER BY s.id) FROM oauth_client_secrets s WHERE s.client_id = c.id) AS secrets,
         (SELECT jsonb_agg(to_jsonb(t) - 'last_used_at' ORDER BY t.id) FROM tokens t WHERE t.client_id = c.id) AS tokens
       FROM oauth_clients c WHERE id = $1`,
      [id],
    );

  it('and the act are there together, or neither is', async () => {
    const client = await make();
    await newAccessToken(server, client);
    const before = await stored(client);
    await database.query('ALTER TABLE audit_events ADD CONSTRAINT full_up CHECK (false) NOT VALID');
    try {
      for (const [, change] of CHANGES) expect((await change(client, admin.headers)).status).toBe(500);
      const name = randomUUID();
      expect((await post(CLIENTS, { name, scopes: [] }, admin.headers)).status).toBe(500);
      expect(await database.query('SELECT 1 FROM oauth_clients WHERE name = $1', [name])).toEqual([]);
    } finally {
      await database.query('ALTER TABLE audit_events DROP CONSTRAINT full_up');
    }
    expect(await stored(client)).toEqual(before);
    expect(await eventsOf(client.id)).toHaveLength(1);
    expect((await ask(client)).status).toBe(200);
  });
});
