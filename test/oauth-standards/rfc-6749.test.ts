import { readFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { describe, expect } from '@jest/globals';
import { CLIENT_SCOPE_NAMES } from '../../src/access/client-scopes.js';
import { TOKEN_KINDS } from '../../src/tokens/token-kinds.js';
import {
  accounts,
  admin,
  ask,
  asker,
  database,
  ENDPOINTS,
  ERROR_TEXT,
  errorOf,
  expire,
  get,
  GRANT,
  type Headers,
  ID,
  INACTIVE,
  introspect,
  madeClient,
  metadata,
  MOST_FAILURES,
  outcome,
  readChallenge,
  refusal,
  revoke,
  server,
  shows,
  UNKNOWN,
  withAsker,
  theDocumentNamesEveryTest,
  DOCUMENT,
} from '../support/oauth-standards.js';
import { basic, newAccessToken, newClient, postForm } from '../support/oauth.js';
import { send } from '../support/raw-http.js';
import { bearer, call, type Answer } from '../support/server.js';
import { rowOf } from '../support/tokens.js';

withAsker();

describe('RFC 6749', () => {
  shows('every client is confidential: an admin makes it, with a secret', async () => {
    const { answer, client } = await madeClient({});
    expect([answer.status, answer.body.secrets.length, client.secret.length]).toEqual([201, 1, 43]);
    expect(refusal(await postForm(server, '/oauth/token', { client_id: client.id }))).toEqual([401, 'invalid_client']);
    const { status } = await server.call('POST', '/api/v1/oauth_clients', { name: 'x', scopes: [] });
    expect(status).toBe(401);
    expect(JSON.stringify(await metadata())).not.toContain('"none"');
  });

  shows('a client id alone authenticates nobody', async () => {
    const { id } = await newClient(server);
    for (const path of ENDPOINTS) {
      for (const answer of [
        await postForm(server, path, { client_id: id }),
        await postForm(server, path, { client_id: id, client_secret: '' }),
        await postForm(server, path, {}, basic(id, '')),
      ]) {
        expect(refusal(answer)).toEqual([401, 'invalid_client']);
      }
    }
  });

  shows('ids, secrets and tokens have the sizes that docs/standards.md tells', async () => {
    const { client } = await madeClient();
    const { body } = await ask(client);
    const text = readFileSync(DOCUMENT, 'utf8').replaceAll(/\s+/g, ' ');
    expect(text).toContain(`A client id has ${client.id.length} characters`);
    expect(text).toContain(`a client secret has ${client.secret.length} characters`);
    expect(text).toContain(`an access token has ${(body.access_token as string).length} characters`);
  });

  shows('a request with two ways of authenticating is invalid_request', async () => {
    const client = await newClient(server);
    const { id, secret } = client;
    for (const path of ENDPOINTS) {
      for (const answer of [
        await postForm(server, path, { client_id: id, client_secret: secret }, client.basic),
        await postForm(server, path, { client_id: id, client_secret: secret }, bearer(UNKNOWN)),
        await send(server, {
          method: 'POST',
          path,
          headers: { Authorization: [client.basic.authorization, client.basic.authorization] },
        }),
      ]) {
        expect(refusal(answer)).toEqual([400, 'invalid_request']);
      }
    }
  });

  shows('a client authenticates by HTTP Basic, both parts encoded as in a form', async () => {
    const client = await newClient(server, { id: `a.b_c-${randomUUID()}`, secret: 'a b+c%d:é€&="' });
    expect((await ask(client)).status).toBe(200);
    expect((await ask({ ...client, basic: basic(client.id, 'a b') })).status).toBe(401);
  });

  shows('credentials in the URL are refused, beside good ones too', async () => {
    const client = await newClient(server);
    const query = new URLSearchParams({ client_id: client.id, client_secret: client.secret }).toString();
    for (const path of ENDPOINTS) {
      for (const headers of [{}, client.basic]) {
        const answer = await postForm(server, `${path}?${query}`, { token: 'x' }, headers);
        expect(refusal(answer)).toEqual([400, 'invalid_request']);
      }
    }
  });

  shows('a parameter in the URL is refused and not ignored, whether it is in the body too or not', async () => {
    const client = await newClient(server, { scopes: ['accounts:read', 'tokens:introspect'] });
    const token = await newAccessToken(server, client);
    const before = await database.query('SELECT id, revoked_at FROM tokens WHERE client_id = $1', [client.id]);
    for (const path of [...ENDPOINTS, '/oauth/v2/token']) {
      for (const query of ['scope=accounts:read', 'grant_type=password', 'token_type_hint=x', 'scope=x&scope=y']) {
        for (const form of [{ token }, { token, scope: 'accounts:read' }]) {
          const answer = await postForm(server, `${path}?${query}`, form, client.basic);
          expect([path, query, ...refusal(answer)]).toEqual([path, query, 400, 'invalid_request']);
          expect(answer.body.error_description).toContain('in the body, not in the URL');
        }
      }
      const shown = await postForm(server, `${path}?token=${token}`, { token }, client.basic);
      expect([path, ...refusal(shown)]).toEqual([path, 400, 'invalid_request']);
      expect(JSON.stringify(shown.body)).not.toContain(token);
    }
    expect(await database.query('SELECT id, revoked_at FROM tokens WHERE client_id = $1', [client.id])).toEqual(before);
    // Unknown ones have to be ignored, and those without a value count as omitted.
    expect((await postForm(server, '/oauth/token?tenant=1&scope=', GRANT, client.basic)).status).toBe(200);
  });

  shows('wrong secrets are limited at every endpoint that takes one', async () => {
    const doors: [string, (headers: Headers) => Promise<Answer>][] = [
      ...ENDPOINTS.map((path): [string, (headers: Headers) => Promise<Answer>] => [
        path,
        (headers) => postForm(server, path, { token: 'x' }, headers),
      ]),
      ['/oauth/v2/token', (headers) => postForm(server, '/oauth/v2/token', {}, headers)],
      ['/api/accounts', (headers) => get('/api/accounts', headers)],
    ];
    for (const [index, [, open]] of doors.entries()) {
      const client = await newClient(server);
      const from = { 'x-forwarded-for': `192.0.2.${index + 1}` };
      for (let attempt = 0; attempt < MOST_FAILURES; attempt += 1) {
        expect((await open({ ...basic(client.id, 'wrong'), ...from })).status).toBe(401);
      }
      const answer = await open({ ...basic(client.id, 'wrong too'), ...from });
      expect([answer.status, Number(answer.headers.get('retry-after')) > 0]).toEqual([429, true]);
    }
  });

  shows('no endpoint address has a fragment', async () => {
    const addresses = Object.entries(await metadata()).filter(([name]) => /_endpoint$|_uri$/.test(name));
    expect(addresses).toHaveLength(4);
    for (const [, address] of addresses) expect(address).not.toContain('#');
  });

  shows('the token endpoint answers to POST only', async () => {
    const client = await newClient(server);
    for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE']) {
      const { status, headers } = await server.call(method, '/oauth/token', undefined, client.basic);
      expect([method, status, headers.get('allow')]).toEqual([method, 405, 'POST']);
    }
  });

  shows('a parameter without a value counts as omitted', async () => {
    const client = await newClient(server);
    for (const form of ['grant_type=&scope=', 'client_id=&client_secret=', 'scope', '']) {
      const { status, body } = await ask(client, form);
      expect([form, status, body.scope]).toEqual([form, 200, CLIENT_SCOPE_NAMES.join(' ')]);
    }
  });

  shows('parameters that nobody knows are ignored', async () => {
    const { status, body } = await ask(await newClient(server), {
      ...GRANT,
      resource: 'https://example.org',
      expires_in: '1',
      redirect_uri: 'x',
      'a b': 'c',
    });
    expect([status, body.expires_in]).toEqual([200, 3_600]);
  });

  shows('a parameter that is sent twice is invalid_request, and an answer has none twice', async () => {
    const client = await newClient(server);
    for (const form of ['scope=&scope=', 'grant_type=client_credentials&grant_type=client_credentials', 'x=1&x=2']) {
      expect(refusal(await ask(client, form))).toEqual([400, 'invalid_request']);
    }
    const response = await fetch(`${server.url}/oauth/token`, { method: 'POST', headers: client.basic });
    const names = [...(await response.text()).matchAll(/"(\w+)":/g)].map(([, name]) => name);
    expect(names).toEqual([...new Set(names)]);
    expect(names).toContain('access_token');
  });

  shows('nobody gets a token without authenticating', async () => {
    const { id } = await newClient(server);
    for (const [form, headers] of [
      [GRANT, {}],
      [{ ...GRANT, client_id: id }, {}],
      [GRANT, basic(id, 'wrong')],
      [GRANT, bearer(UNKNOWN)],
      [GRANT, admin.headers],
    ] as [Record<string, string>, Headers][]) {
      for (const path of ['/oauth/token', '/oauth/v2/token']) {
        expect(refusal(await postForm(server, path, form, headers))).toEqual([401, 'invalid_client']);
      }
    }
    expect(await database.query('SELECT 1 FROM tokens WHERE client_id = $1', [id])).toEqual([]);
  });

  shows('the answer names the scope when it is not what was asked for', async () => {
    const client = await newClient(server, { scopes: ['accounts:read', 'identifications'] });
    expect((await ask(client)).body.scope).toBe('accounts:read identifications');
    expect((await ask(client, { scope: 'identifications identifications' })).body.scope).toBe('identifications');
  });

  shows('without a scope a client gets all that it was registered with', async () => {
    const token = await newAccessToken(
      server,
      await newClient(server, { scopes: ['accounts:read', 'identifications'] }),
    );
    expect((await rowOf(database, token)).scopes).toEqual(['accounts:read', 'identifications']);
  });

  shows('the scopes and the default are in the OpenAPI description', async () => {
    const { components } = (await get('/docs-json')).body as {
      components: { schemas: Record<string, { properties: Record<string, { description: string }> }> };
    };
    const scope = components.schemas.TokenRequestBody?.properties.scope;
    expect(scope?.description).toBe('Separated by spaces; by default all scopes of the client');
    for (const name of CLIENT_SCOPE_NAMES) expect(JSON.stringify(components)).toContain(name);
  });

  shows('a grant type other than client_credentials is refused', async () => {
    const client = await newClient(server);
    for (const grant_type of ['authorization_code', 'refresh_token', 'implicit', 'urn:example', 'Client_Credentials']) {
      expect(refusal(await ask(client, { grant_type }))).toEqual([400, 'unsupported_grant_type']);
    }
    expect((await ask(client, GRANT)).status).toBe(200);
  });

  shows('no refresh token comes with an access token', async () => {
    const client = await newClient(server);
    for (const path of ['/oauth/token', '/oauth/v2/token']) {
      const { body } = await postForm(server, path, { scope: 'accounts:read' }, client.basic);
      expect(body).toMatchObject({ access_token: expect.any(String) });
      expect(body).not.toHaveProperty('refresh_token');
    }
  });

  shows('a token answer is a flat JSON object with access_token, token_type and expires_in', async () => {
    const { status, headers, body } = await ask(await newClient(server));
    expect([status, headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
    expect(body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 3_600,
      scope: expect.any(String),
    });
  });

  shows('no cache may keep a token', async () => {
    const client = await newClient(server);
    for (const path of ['/oauth/token', '/oauth/v2/token']) {
      const { headers } = await postForm(server, path, {}, client.basic);
      expect([headers.get('cache-control'), headers.get('pragma')]).toEqual(['no-store', 'no-cache']);
    }
    expect((await madeClient()).answer.headers.get('cache-control')).toBe('no-store');
  });

  shows('an error is 400 with one of the codes of section 5.2', async () => {
    const client = await newClient(server, { scopes: [] });
    for (const [form, code] of [
      ['x=1&x=2', 'invalid_request'],
      ['client_secret=x', 'invalid_request'],
      ['grant_type=x', 'unsupported_grant_type'],
      ['scope=x', 'invalid_scope'],
      ['scope=accounts%3Aread', 'invalid_scope'],
    ] as const) {
      const answer = await ask(client, form);
      expect(outcome(answer)).toEqual([400, { error: code, error_description: expect.any(String) }]);
      expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    }
  });

  shows('a failed authentication is 401 with the challenge of its scheme', async () => {
    const { id } = await newClient(server);
    for (const path of ENDPOINTS) {
      for (const headers of [basic(id, 'wrong'), basic(randomUUID(), 'x'), { authorization: 'basic nonsense' }]) {
        const answer = await postForm(server, path, { token: 'x' }, headers);
        expect(refusal(answer)).toEqual([401, 'invalid_client']);
        expect(readChallenge(answer.headers.get('www-authenticate'))).toEqual({
          scheme: 'Basic',
          parameters: [
            ['realm', 'latchkey'],
            ['charset', 'UTF-8'],
          ],
        });
      }
    }
  });

  shows('errors are ASCII without quotes and backslashes', async () => {
    const client = await newClient(server, { scopes: [] });
    const odd = '"\\ é\u{1f512}\u202e';
    const answers = [
      await ask(client, { scope: odd }),
      await ask(client, { grant_type: odd }),
      await ask(client, { client_id: odd }),
      await ask(client, `${encodeURIComponent(odd)}=1&${encodeURIComponent(odd)}=2`),
      await ask(client, 'scope=%00'),
      await ask(client, `scope=${'x'.repeat(1_048_576)}`),
      await postForm(server, '/oauth/token', {}, basic(odd, odd)),
      await postForm(server, '/oauth/introspect', { token: odd }, client.basic),
      await postForm(server, '/oauth/introspect', {}, asker.basic),
      await postForm(server, '/oauth/revoke', { token_type_hint: odd }, client.basic),
      await server.call('POST', '/oauth/token', { grant_type: { [odd]: odd } }, client.basic),
      await server.call('POST', '/oauth/token', '{', client.basic),
      await call(`${server.url}/oauth/token`, 'POST', odd, { ...client.basic, 'content-type': 'text/plain' }),
      await server.call('PUT', '/oauth/token', {}, client.basic),
      await server.call('POST', `/oauth/${encodeURIComponent(odd)}`, {}, client.basic),
      await send(server, { method: 'POST', path: '/oauth/%ff', headers: client.basic }),
    ];
    for (const { status, body } of answers) {
      expect(status).toBeGreaterThanOrEqual(400);
      expect(Object.keys(body as object)).toEqual(['error', 'error_description']);
      expect(body.error).toMatch(/^[a-z_]+$/);
      expect(body.error_description).toMatch(ERROR_TEXT);
    }
  });

  shows('an expired token opens nothing', async () => {
    const token = await newAccessToken(server, await newClient(server));
    await expire(token);
    const answer = await accounts(bearer(token));
    expect([answer.status, errorOf(answer)]).toEqual([401, 'invalid_token']);
  });

  shows('a token opens what its scope covers, and nothing else', async () => {
    const client = await newClient(server);
    const doors: Record<string, (headers: Headers) => Promise<Answer>> = {
      'accounts:read': (headers) => accounts(headers),
      'accounts:write': (headers) => server.call('DELETE', `/api/accounts/${ID}`, undefined, headers),
      identifications: (headers) => get('/api', headers),
    };
    for (const scope of CLIENT_SCOPE_NAMES) {
      const headers = bearer(await newAccessToken(server, client, scope));
      const opened: string[] = [];
      for (const [needed, open] of Object.entries(doors)) {
        if ((await open(headers)).status !== 403) opened.push(needed);
      }
      expect(opened).toEqual(scope in doors ? [scope] : []);
    }
  });

  shows('a refused resource request says why', async () => {
    const token = await newAccessToken(server, await newClient(server), 'identifications');
    for (const headers of [bearer(token), bearer(UNKNOWN)]) {
      const { status, body } = await accounts(headers);
      expect(body).toEqual({ status_code: status, message: expect.stringMatching(/^The /) });
    }
  });

  shows('/oauth/token answers with registered parameters only', async () => {
    const { body } = await ask(await newClient(server));
    expect(Object.keys(body as object).sort()).toEqual(['access_token', 'expires_in', 'scope', 'token_type']);
  });

  shows('a token is kept as a digest, and is in no log', async () => {
    const client = await newClient(server);
    const token = await newAccessToken(server, client);
    await accounts(bearer(token));
    await accounts(client.basic);
    await introspect(token);
    await get(`/api/accounts?access_token=${token}`);
    await postForm(server, `/oauth/token?client_secret=${client.secret}`, {});
    const tables = await database.query<{ name: string }>(
      `SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public'`,
    );
    const rows = await database.query<{ row: string }>(
      tables.map(({ name }) => `SELECT t::text AS row FROM ${name} t`).join(' UNION ALL '),
    );
    const all = [...rows.map(({ row }) => row), ...server.logs].join('\n');
    expect(all).toContain((await rowOf(database, token)).id);
    for (const secret of [token, client.secret]) expect(all).not.toContain(secret);
  });

  shows('a token with one character changed is worth nothing', async () => {
    const token = await newAccessToken(server, await newClient(server));
    expect((await accounts(bearer(token))).status).toBe(200);
    for (const index of [0, 15, 31]) {
      const other = token[index] === '0' ? '1' : '0';
      const changed = token.slice(0, index) + other + token.slice(index + 1);
      expect((await accounts(bearer(changed))).status).toBe(401);
      expect(outcome(await introspect(changed))).toEqual(INACTIVE);
    }
  });

  shows('a client gets no scope that it was not registered with', async () => {
    const client = await newClient(server, { scopes: ['identifications'] });
    for (const scope of ['accounts:read', 'identifications accounts:read', CLIENT_SCOPE_NAMES.join(' '), '*']) {
      expect(refusal(await ask(client, { scope }))).toEqual([400, 'invalid_scope']);
    }
  });

  shows('an access token has 128 random bits, and a secret 256', async () => {
    const tokens = Array.from({ length: 1_000 }, () => TOKEN_KINDS.oauth.format.mint());
    expect(new Set(tokens).size).toBe(1_000);
    // Every one of the 32 places takes every one of the 16 digits.
    for (let place = 0; place < 32; place += 1) {
      expect(new Set(tokens.map((token) => token[place])).size).toBe(16);
    }
    expect(tokens.every((token) => /^[0-9a-f]{32}$/.test(token))).toBe(true);
    expect(Buffer.from((await madeClient()).client.secret, 'base64url')).toHaveLength(32);
  });

  shows('what is sent is validated, and never comes back', async () => {
    const client = await newClient(server);
    for (const text of ['<script>alert(1)</script>', `' OR 1=1 --`, 'x\r\nSet-Cookie: a=b', '${7*7}', '../../etc']) {
      const answers = [
        await ask(client, { scope: text }),
        await ask(client, { grant_type: text }),
        await ask(client, { client_id: text }),
        await ask(client, { [text]: text, scope: 'accounts:read' }),
        await introspect(text),
        await introspect(UNKNOWN, { token_type_hint: text }),
        await revoke(client, text),
      ];
      expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 200, 200, 200, 200]);
      for (const { headers, body } of answers) {
        expect(JSON.stringify([...headers]) + JSON.stringify(body)).not.toContain(text);
        expect(headers.get('set-cookie')).toBeNull();
      }
    }
  });
});

theDocumentNamesEveryTest();
