import { readdirSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { AuditLogReaderStore } from '../src/audit-log-reader/audit-log-reader.store.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { eventually } from './support/process.js';
import { parseAnswer, RawSocket } from './support/raw-socket.js';
import { itWhere } from './support/where.js';
import { startServer, type TestServer } from './support/server.js';
import { signedInAdmin } from './support/tokens.js';

/** Short ones, so that a test need not wait; what they are matters to no verdict. */
const LIMITS = { head: 1_000, request: 2_000, silence: 1_500, checkEvery: 100 };

let database: TestDatabase;
let server: TestServer;
const sockets: RawSocket[] = [];

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection, {}, LIMITS);
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.hangUp();
});

async function open(): Promise<RawSocket> {
  const socket = await RawSocket.open(server.url);
  sockets.push(socket);
  return socket;
}

/** How many files and sockets this process, server and test, has open. */
const openFiles = () => readdirSync('/proc/self/fd').length;

/** How many requests the server has logged for a route. */
const answeredOn = (route: string) => server.logs.filter((line) => line.includes(`"route":"${route}"`)).length;

const get = (path: string, headers = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`;

const BUNDLE = '/docs/swagger-ui-bundle.js';

const hasProc = itWhere({
  has: process.platform === 'linux',
  otherwise: 'open files are counted in /proc, which is Linux',
});

describe('Whoever sends many requests on one connection', () => {
  hasProc('and hangs up, leaves no file open: those of Swagger UI', async () => {
    const before = openFiles();
    for (let turn = 0; turn < 5; turn += 1) {
      const socket = await open();
      socket.socket.pause();
      socket.send(get(BUNDLE).repeat(30));
      await eventually(() => {
        expect(socket.socket.bytesWritten).toBeGreaterThan(0);
      });
      socket.hangUp();
    }
    await eventually(() => {
      expect(openFiles()).toBeLessThanOrEqual(before);
    });
  });

  it('is answered one after the other, in their order, and the next begins when the last is read', async () => {
    const socket = await open();
    socket.socket.pause();
    const before = answeredOn(BUNDLE);
    socket.send(get(BUNDLE).repeat(20));
    await eventually(() => {
      expect(answeredOn(BUNDLE)).toBeGreaterThan(before);
    });
    // The kernel takes some megabytes for the peer; the rest waits for it.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(answeredOn(BUNDLE) - before).toBeLessThan(20);
    socket.socket.resume();
    await eventually(() => {
      expect(answeredOn(BUNDLE) - before).toBe(20);
    });

    const mixed = await open();
    mixed.send(get('/healthz') + get('/nowhere') + get('/healthz') + get('/accounts/x', 'Connection: close\r\n'));
    await mixed.ended();
    expect(mixed.statuses).toEqual([200, 404, 200, 401]);
  });

  it('has bodies read in turn too', async () => {
    const post = (body: string) =>
      `POST /accounts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const socket = await open();
    socket.send(post('{"account":1}').repeat(2) + post(`{"a":"${'x'.repeat(40_000)}"}`) + get('/healthz'));
    await eventually(() => {
      expect(socket.statuses).toEqual([422, 422, 422, 200]);
    });
    // What cannot be read ends the connection, and what comes behind it is not looked at.
    const before = answeredOn('/healthz');
    socket.send(post('x') + get('/healthz'));
    await socket.ended();
    expect(socket.statuses.slice(4)).toEqual([400]);
    expect(answeredOn('/healthz')).toBe(before);
  });

  it('lets others have their turn after each of them', async () => {
    const [crowd, other] = [await open(), await open()];
    const before = server.logs.length;
    crowd.send(get('/nowhere').repeat(30));
    other.send(get('/healthz'));
    await eventually(() => {
      expect([crowd.statuses.length, other.statuses.length]).toEqual([30, 1]);
    });
    const answers = server.logs.slice(before).filter((line) => line.includes('"msg":"request"'));
    expect(answers).toHaveLength(31);
    expect(answers.findIndex((line) => line.includes('"route":"/healthz"'))).toBeLessThan(15);
  });

  it('is cut off when dozens wait', async () => {
    const socket = await open();
    socket.send(get('/healthz').repeat(40));
    await socket.ended();
    expect(socket.statuses.length).toBeLessThan(300);
  });

  it('and does not read the answer, is cut off', async () => {
    const before = await countConnections();
    const socket = await open();
    socket.socket.pause();
    socket.send(get(BUNDLE).repeat(50));
    await eventually(async () => {
      expect(await countConnections()).toBeGreaterThan(before);
    });
    await eventually(async () => {
      expect(await countConnections()).toBeLessThanOrEqual(before);
    });
  });
});

/** How many connections the server has. */
function countConnections(): Promise<number> {
  return new Promise((resolve, reject) => {
    server.app.getHttpServer().getConnections((error: Error | null, count: number) => {
      if (error) reject(error);
      else resolve(count);
    });
  });
}

describe('An export that nobody reads any more', () => {
  const PATH = '/api/v1/audit_events';

  async function request(): Promise<string> {
    const { headers } = await signedInAdmin(server);
    const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    return get(PATH, `Accept: application/x-ndjson\r\n${fields.join('')}`);
  }

  beforeAll(async () => {
    await database.query(
      `INSERT INTO audit_events (kind, outcome, details)
       SELECT 'sign_in', 'failure', jsonb_build_object('filler', repeat('x', 1000)) FROM generate_series(1, 30000)`,
    );
  });

  hasProc('ends: it reads no further, and holds nothing of the database', async () => {
    const list = jest.spyOn(AuditLogReaderStore.prototype, 'list');
    const text = await request();
    const [before, connections] = [openFiles(), await countConnections()];
    const socket = await open();
    socket.socket.pause();
    socket.send(text.repeat(30));
    await eventually(() => {
      expect(list).toHaveBeenCalled();
    });
    socket.hangUp();
    await eventually(async () => {
      const pages = list.mock.calls.length;
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(list.mock.calls.length).toBe(pages);
      expect(await countConnections()).toBeLessThanOrEqual(connections);
      // That of the pool, where there was none yet, stays.
      expect(openFiles()).toBeLessThanOrEqual(before + 2);
    });
    // Of 31 pages, a hundred times.
    expect(list.mock.calls.length).toBeLessThan(31);
    const transactions = await database.query(
      `SELECT state FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'`,
    );
    expect(transactions).toEqual([]);
    list.mockRestore();
  });

  it('is not made for HEAD', async () => {
    const list = jest.spyOn(AuditLogReaderStore.prototype, 'list');
    const socket = await open();
    socket.send((await request()).replace('GET', 'HEAD').replace('Host', 'Connection: close\r\nHost'));
    const { status, headers } = parseAnswer(await socket.ended());
    expect([status, headers['content-type']]).toEqual([200, 'application/x-ndjson']);
    expect(list.mock.calls.length).toBeLessThan(3);
    list.mockRestore();
  });
});

describe('Swagger UI', () => {
  it.each([
    ['swagger-ui.css', 'text/css; charset=utf-8'],
    ['swagger-ui-bundle.js', 'text/javascript; charset=utf-8'],
    ['swagger-ui-standalone-preset.js', 'text/javascript; charset=utf-8'],
    ['swagger-ui-init.js', 'text/javascript; charset=utf-8'],
    ['favicon-32x32.png', 'image/png'],
  ])('is served with what caches ask for: %s', async (name, type) => {
    const path = `/docs/${name}`;
    const { status, headers, body } = await server.call('GET', path);
    expect([status, headers.get('content-type')]).toEqual([200, type]);
    const etag = headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[\w-]{27}"$/);
    const again = await server.call('GET', path, undefined, { 'if-none-match': etag });
    expect([again.status, again.body, again.headers.get('etag')]).toEqual([304, '', etag]);
    const head = await server.call('HEAD', path);
    expect([head.status, head.body]).toEqual([200, '']);
    for (const header of ['content-length', 'content-type', 'etag']) {
      expect([header, head.headers.get(header)]).toEqual([header, headers.get(header)]);
    }
    expect(String(body).length).toBeGreaterThan(0);
  });

  it.each([
    '/docs/package.json',
    '/docs/swagger-ui.css.map',
    '/docs/../package.json',
    '/docs/..%2fpackage.json',
    '/docs/%2e%2e/package.json',
    '/docs/swagger-ui.css/',
    '/docs/',
  ])('gives nothing else away: %s', async (path) => {
    const socket = await open();
    socket.send(get(path, 'Connection: close\r\n'));
    const { status, body } = parseAnswer(await socket.ended());
    expect(body).not.toMatch(/swagger-ui-dist|"version"|mappings/);
    expect(status).toBe(path === '/docs/' || path === '/docs/swagger-ui.css/' ? 200 : 404);
  });
});

describe('Whoever sends slowly', () => {
  /** Sends a byte now and then, until the server ends it, and says what it was told. */
  async function drip(start: string, rest: string): Promise<string> {
    const socket = await open();
    socket.send(start);
    let sent = 0;
    const timer = setInterval(() => {
      if (!socket.isOver) socket.send(rest[sent++ % rest.length] ?? '');
    }, 50);
    try {
      return await socket.ended();
    } finally {
      clearInterval(timer);
    }
  }

  /** From the configured time to so much more, for a machine that is busy. */
  async function timed(work: () => Promise<string>): Promise<{ answer: string; milliseconds: number }> {
    const start = performance.now();
    const answer = await work();
    return { answer, milliseconds: performance.now() - start };
  }

  it('a head is told so, as soon as the time for heads is over', async () => {
    const { answer, milliseconds } = await timed(() => drip('GET /healthz HTTP/1.1\r\nHost: a\r\nX: ', 'x'));
    expect(parseAnswer(answer).status).toBe(408);
    expect(milliseconds).toBeGreaterThanOrEqual(LIMITS.head - 100);
  });

  it('a body is told so in the dialect of the route, as soon as the time for requests is over', async () => {
    const head =
      'POST /oauth/token HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n';
    const { answer, milliseconds } = await timed(() => drip(`${head}{"a":"`, 'x'));
    const { status, headers, body } = parseAnswer(answer);
    expect(status).toBe(408);
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
    expect(JSON.parse(body)).toEqual({
      error: 'invalid_request',
      error_description: 'The request took too long to arrive.',
    });
    expect(milliseconds).toBeGreaterThanOrEqual(LIMITS.request - 100);
  });

  it('nothing at all, is cut off too', async () => {
    const socket = await open();
    expect(parseAnswer(await socket.ended()).status).toBe(408);
  });
});

describe('A request that is not quite HTTP', () => {
  const PROTECTING = {
    'cache-control': 'no-store',
    'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
    'cross-origin-opener-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'x-request-id': expect.stringMatching(/./),
    connection: 'close',
  };

  it.each([
    ['two Host headers', 'GET /accounts/x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400],
    ['two Host headers that are the same', 'GET /accounts/x HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n', 400],
    ['no Host header', 'GET /accounts/x HTTP/1.1\r\n\r\n', 400],
    ['a Host header that names none', 'GET /accounts/x HTTP/1.1\r\nHost: a b/c\r\n\r\n', 400],
    [
      'a second Host header behind 2,000 others',
      `GET /accounts/x HTTP/1.1\r\nHost: a\r\n${'a:\r\n'.repeat(2_000)}Host: b\r\n\r\n`,
      431,
    ],
    [
      'a transfer encoding behind 1,000 others',
      `POST /accounts HTTP/1.1\r\nHost: a\r\n${'a:\r\n'.repeat(1_000)}Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n`,
      431,
    ],
    ['HTTP/0.9', 'GET /accounts/x\r\n\r\n', 400],
    ['HTTP/2.0', 'GET /accounts/x HTTP/2.0\r\nHost: a\r\n\r\n', 400],
    [
      'identity, chunked',
      'POST /accounts HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['gzip, chunked', 'POST /accounts HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n', 400],
    [
      'chunked, twice',
      'POST /accounts HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['chunks in HTTP/1.0', 'POST /accounts HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400],
    [
      'a length and chunks',
      'POST /accounts HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['two lengths', 'POST /accounts HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab', 400],
    [
      'a chunk without a length',
      'POST /accounts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n',
      400,
    ],
    ['a space before the colon', 'GET /accounts/x HTTP/1.1\r\nHost : a\r\n\r\n', 400],
    ['a space before the colon, of a whole URL', 'GET http://a/accounts/x HTTP/1.1\r\nHost : a\r\n\r\n', 400],
    ['a space before the colon, of a path in other words', 'GET /%61ccounts/x HTTP/1.1\r\nHost : a\r\n\r\n', 400],
    ['a head of 20 KB', `GET /accounts/x HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ])('is refused in the dialect of its path, with the headers that protect browsers: %s', async (_, text, status) => {
    const socket = await open();
    socket.send(text);
    const answer = parseAnswer(await socket.ended());
    expect({ status: answer.status, headers: answer.headers }).toMatchObject({ status, headers: PROTECTING });
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(JSON.parse(answer.body)).toEqual({ id: 'bad_request', message: expect.stringMatching(/^[A-Z].*\.$/) });
  });

  it('that cannot be told at all is refused likewise', async () => {
    const socket = await open();
    socket.send('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03');
    const { status, headers, body } = parseAnswer(await socket.ended());
    expect({ status, headers }).toMatchObject({ status: 400, headers: PROTECTING });
    expect(JSON.parse(body)).toEqual({
      statusCode: 400,
      error: 'Bad Request',
      message: 'The request is not valid HTTP.',
    });
  });

  it('that asks for a proxy is refused, after those before it', async () => {
    const socket = await open();
    socket.send(`${get('/healthz')}CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n`);
    const { status, headers } = parseAnswer((await socket.ended()).slice(socket.received.lastIndexOf('HTTP/1.1')));
    expect(socket.statuses).toEqual([200, 405]);
    expect({ status, headers }).toMatchObject({ status: 405, headers: PROTECTING });
    expect(headers.allow).toContain('GET');
  });

  it('is refused after those before it have been answered', async () => {
    const socket = await open();
    socket.send(`${get('/healthz')}${get('/accounts/x')}nonsense\r\n\r\n`);
    await socket.ended();
    expect(socket.statuses).toEqual([200, 401, 400]);
  });

  it('where it only expects what we do not know, is served', async () => {
    const socket = await open();
    socket.send(get('/healthz', 'Expect: a miracle\r\nConnection: close\r\n'));
    expect(parseAnswer(await socket.ended()).status).toBe(200);
  });
});
