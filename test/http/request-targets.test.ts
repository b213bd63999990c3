import { describe, expect, it } from '@jest/globals';
import { another, server, withRoutes } from '../support/http.js';
import { newAccessToken, newClient } from '../support/oauth.js';
import { send } from '../support/raw-http.js';
import { bearer, signUp } from '../support/server.js';
import { signedInAdmin } from '../support/tokens.js';

withRoutes();

const get = (path: string, headers = {}) => send(server, { method: 'GET', path, headers });

/** A byte that is never in UTF-8, two that do not belong together, an overlong slash, half a surrogate pair, and a cut off one. */
const NOT_UTF8 = ['%ff', '%c3%28', '%c0%af', '%ed%a0%80', '%E2%82'];

describe('What is not UTF-8', () => {
  it.each(NOT_UTF8)(
    'in a query is refused by the name of its parameter, in the shape of the route: %s',
    async (bytes) => {
      const admin = await signedInAdmin(server);
      const client = await newClient(server);
      const problem = 'must be percent-encoded UTF-8';
      const message = 'The query is not valid UTF-8: q.';
      const query = `?page=1&q=a${bytes}b&other=%C3%A9`;
      const ofClient = bearer(await newAccessToken(server, client));
      const session = bearer((await signUp(server)).token);
      const bodies: [path: string, headers: Record<string, string>, body: object][] = [
        ['/api/accounts', ofClient, { status_code: 400, message: 'Validation Failed', errors: { q: problem } }],
        ['/api/v1/accounts/', admin.headers, { errors: { q: problem } }],
        ['/account/sessions', session, { id: 'bad_request', message, errors: { q: [problem] } }],
        ['/v1/api/auth', {}, { message: `q ${problem}` }],
        ['/healthz', {}, { statusCode: 400, error: 'Bad Request', message }],
      ];
      for (const [path, headers, body] of bodies) {
        const answer = await get(path + query, headers);
        expect([path, answer.status, answer.body]).toEqual([path, 400, body]);
      }
      const introspected = await send(server, {
        method: 'POST',
        path: `/oauth/introspect${query}`,
        headers: client.basic,
      });
      expect(introspected.body).toEqual({ error: 'invalid_request', error_description: `q ${problem}` });
      const page = await get(`/password/forgot${query}&lang=de`);
      expect([page.status, page.headers.get('content-type'), page.headers.get('content-language')]).toEqual([
        400,
        'text/html; charset=utf-8',
        'de',
      ]);
    },
  );

  it('names each parameter, also one whose name it is, as it was sent', async () => {
    const { status, body } = await get('/v1/api/auth?a=%ff&b=1&a=%fe&%ff"=2&=%fd&c');
    expect([status, body]).toEqual([
      400,
      {
        message:
          'a must be percent-encoded UTF-8; %ff%22 must be percent-encoded UTF-8;  must be percent-encoded UTF-8',
      },
    ]);
  });

  it.each(NOT_UTF8)('in a path is refused, in the shape of its neighbours: %s', async (bytes) => {
    const message = 'The path is not percent-encoded UTF-8.';
    expect((await get(`/accounts/${bytes}`)).body).toEqual({ id: 'bad_request', message });
    expect((await get(`/api/v1/tokens/${bytes}`)).body).toEqual({ errors: { request: message } });
    expect((await get(`/nowhere/${bytes}`)).body).toEqual({ statusCode: 400, error: 'Bad Request', message });
    expect(await get(`/wayf/${bytes}`)).toMatchObject({ status: 400, body: expect.stringContaining('<h1>') });
  });

  it('is nothing that is text: other characters, a lone percent sign, what follows a #', async () => {
    for (const query of ['?x=%F0%9F%98%80', '?x=100%', '?x=%zz', '?%C3%A9=1', '?', '?x=1#%ff', '#%ff'])
      expect([query, (await get(`/healthz${query}`)).status]).toEqual([query, 200]);
    expect((await get('/nowhere?x=%ff')).status).toBe(404);
  });
});

describe('OPTIONS *', () => {
  it('is answered with the methods that there are', async () => {
    const { status, headers, body } = await send(server, { method: 'OPTIONS', path: '*' });
    expect([status, headers.get('allow'), body]).toEqual([204, 'DELETE, GET, HEAD, PATCH, POST, PUT, OPTIONS', '']);
    expect((await get('*')).status).toBe(404);
  });

  it('is answered where other origins are told what they may, too', async () => {
    const open = await another({ corsOrigins: ['https://app.example.org'] });
    expect((await send(open, { method: 'OPTIONS', path: '*' })).status).toBe(204);
  });
});

describe('A whole URL, and what is percent-encoded needlessly,', () => {
  it.each(['http://other.example', 'HTTPS://a:b@other.example:1', ''])('is the path in it: %s', async (origin) => {
    expect((await get(`${origin}/%68ealthz`)).status).toBe(200);
    for (const path of ['/%68ealthz', '/healthz?x=/y']) {
      const { status, headers } = await send(server, { method: 'POST', path: origin + path });
      expect([path, status, headers.get('allow')]).toEqual([path, 405, 'GET, HEAD']);
    }
    const message = 'Not found.';
    expect((await get(`${origin}/accounts/a/b/c`)).body).toEqual({ id: 'not_found', message });
    expect((await get(`${origin}/%61pi/v1/nowhere`)).body).toEqual({ errors: { request: message } });
  });
});
