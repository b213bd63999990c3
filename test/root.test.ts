import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import type { Config } from '../src/config/config.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { call, startServer, type TestServer } from './support/server.js';

const BROWSER = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };
const PUBLIC_URL = 'https://accounts.example.org/auth';

let database: TestDatabase;
const servers: TestServer[] = [];

beforeAll(async () => {
  database = await createDatabase();
});

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

afterAll(async () => {
  await database.drop();
});

async function start(overrides: Partial<Config> = {}): Promise<TestServer> {
  const server = await startServer(database.connection, { publicUrl: PUBLIC_URL, ...overrides });
  servers.push(server);
  return server;
}

const linksIn = (html: unknown) =>
  [...(html as string).matchAll(/<main>[^]*<\/main>/g)]
    .flatMap(([main]) => [...main.matchAll(/href="([^"]*)"/g)])
    .map(([, href]) => href);

it.each([
  {},
  { accept: '*/*' },
  { accept: 'application/json' },
  { accept: 'image/png' },
  { accept: 'text/html;q=0.5, */*' },
  { accept: '' },
])('lists the entry points as JSON for %j, and each of them is there', async (headers) => {
  const server = await start();
  const { status, body, headers: given } = await server.call('GET', '/', undefined, headers);
  expect(status).toBe(200);
  expect(given.get('content-type')).toBe('application/json; charset=utf-8');
  expect(given.get('vary')).toMatch(/\baccept\b/);
  const urls = Object.values(body as Record<string, string>);
  expect(urls).toHaveLength(11);
  for (const url of urls) {
    expect(url.slice(0, PUBLIC_URL.length + 1)).toBe(`${PUBLIC_URL}/`);
    const path = url.slice(PUBLIC_URL.length);
    const statuses = await Promise.all(['GET', 'POST'].map(async (method) => (await server.call(method, path)).status));
    expect([path, statuses.every((one) => one === 404 || one === 405)]).toEqual([path, false]);
  }
});

it('shows a small page to a browser, in its language, which leads to docs and health', async () => {
  const server = await start();
  const headers = { ...BROWSER, 'accept-language': 'de' };
  const { status, body, headers: given } = await server.call('GET', '/', undefined, headers);
  expect(status).toBe(200);
  expect(given.get('content-type')).toBe('text/html; charset=utf-8');
  expect(given.get('content-language')).toBe('de');
  expect(given.get('vary')).toMatch(/\baccept, accept-language$/);
  expect(given.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/);
  expect(body).toContain('<h1><bdi>accounts.example.org</bdi></h1>');
  expect(linksIn(body)).toEqual(['/auth/docs', '/auth/readyz']);
  const head = await server.call('HEAD', '/', undefined, BROWSER);
  expect([head.status, head.body, head.headers.get('content-type')]).toEqual([200, '', 'text/html; charset=utf-8']);
});

it('says on a page to a browser that an address is nobody’s, and in JSON to programs', async () => {
  const server = await start();
  for (const path of ['/login', '/favicon.ico', '/docs/nonesuch', '/%20', '/reset?lang=fr#x']) {
    const shown = await server.call('GET', path, undefined, { ...BROWSER, 'accept-language': 'de' });
    expect([path, shown.status, shown.headers.get('content-type')]).toEqual([path, 404, 'text/html; charset=utf-8']);
    expect(shown.headers.get('vary')).toMatch(/\baccept\b/);
    expect(shown.headers.get('cache-control')).toBe('no-store');
    const title = path.includes('fr') ? 'Cette page est introuvable' : 'Diese Seite gibt es nicht';
    expect(shown.body).toContain(`<h1>${title}</h1>`);
    for (const accept of ['*/*', 'application/json', 'image/avif,image/webp,*/*;q=0.8']) {
      const told = await server.call('GET', path, undefined, { accept });
      expect([path, told.status, told.body]).toEqual([
        path,
        404,
        { statusCode: 404, error: 'Not Found', message: 'Not found.' },
      ]);
      expect(told.headers.get('vary')).toMatch(/\baccept\b/);
    }
  }
  // What is a program's stays as its document has it.
  const { status, body } = await server.call('GET', '/api/nonesuch', undefined, BROWSER);
  expect([status, body.status_code]).toEqual([404, 404]);
});

it('leads to no documentation where there is none: off, or on another port', async () => {
  const off = await start({ docs: false });
  expect(linksIn((await off.call('GET', '/', undefined, BROWSER)).body)).toEqual(['/auth/readyz']);
  expect(Object.keys((await off.call('GET', '/')).body as object)).not.toContain('documentation_url');
  const apart = await start({ otherDoors: [{ door: 'admin', host: '127.0.0.1', port: 0 }] });
  const at = (door: 'public' | 'admin') => call(`${apart.doors[door] ?? ''}/`, 'GET', undefined, BROWSER);
  expect(linksIn((await at('public')).body)).toEqual(['/auth/readyz']);
  expect(linksIn((await at('admin')).body)).toEqual(['/auth/docs', '/auth/readyz']);
  expect(Object.keys((await apart.call('GET', '/')).body as object)).not.toContain('openapi_url');
});

it('is only read', async () => {
  const server = await start();
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    expect([method, (await server.call(method, '/', {})).status]).toEqual([method, 405]);
  }
});
