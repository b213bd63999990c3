import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createDatabase, urlOf, type TestDatabase } from './support/database.js';
import { cleanUp, eventually, freePort, ServerProcess } from './support/process.js';
import { call, TEST_SECRET_KEY } from './support/server.js';

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase();
});

afterEach(cleanUp);

afterAll(async () => {
  await database.drop();
});

const start = (env: Record<string, string>) =>
  ServerProcess.start({ DATABASE_URL: urlOf(database.connection), SECRET_KEY: TEST_SECRET_KEY, ...env });

const statusOf = async (port: number, path: string, host = '127.0.0.1') =>
  (await call(`http://${host}:${port}${path}`, 'GET')).status;

/** What a server says, which is in its log a moment after it serves. */
const said = (server: ServerProcess, start: string): Promise<string> =>
  eventually(() => {
    const line = server.log.find(({ msg }) => msg.startsWith(start));
    expect(line?.msg).toBeDefined();
    return line?.msg ?? '';
  });

/** The port that a server says it has got for a door. */
async function portIn(server: ServerProcess, door: string): Promise<number> {
  const message = await said(server, `the ${door} port is at `);
  return Number(new URL(message.split(' ').at(-1) ?? '').port);
}

describe.each([
  ['one process', '1'],
  ['two workers', '2'],
])('A server of %s', (_, workers) => {
  it('has its doors on ports of their own, says where, and closes them all as it stops', async () => {
    const server = await start({
      WEB_CONCURRENCY: workers,
      METRICS_PORT: '0',
      ADMIN_PORT: '0',
      ADMIN_HOST: 'localhost',
      SHUTDOWN_DELAY: '3',
    });
    await server.ready();
    const [metrics, admin] = [await portIn(server, 'metrics'), await portIn(server, 'admin')];
    for (let turn = 0; turn < 4; turn += 1) {
      const found = await Promise.all([
        ...[server.port, metrics, admin].map((port) => statusOf(port, '/metrics')),
        ...[server.port, metrics, admin].map((port) => statusOf(port, '/docs-json')),
        ...[server.port, metrics, admin].map((port) => statusOf(port, '/readyz')),
      ]);
      expect(found).toEqual([404, 200, 200, 404, 404, 200, 200, 200, 200]);
    }
    expect(await said(server, 'ready at ')).toContain(`(Swagger UI: http://localhost:${admin}/docs)`);
    server.kill('SIGTERM');
    await eventually(async () => {
      expect(await statusOf(metrics, '/readyz')).toBe(503);
    });
    expect(await statusOf(metrics, '/metrics')).toBe(200);
    expect(await statusOf(admin, '/readyz')).toBe(503);
    expect(await server.exited).toEqual({ code: 0, signal: null });
    for (const port of [server.port, metrics, admin])
      await expect(statusOf(port, '/healthz')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it.each(['METRICS_PORT', 'ADMIN_PORT'])('names a taken %s, and ends with 1', async (name) => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const server = await start({ WEB_CONCURRENCY: workers, [name]: String(port) });
    expect((await server.exited).code).toBe(1);
    expect(server.log.at(-1)?.msg).toBe(
      `could not start: Port ${port} on 127.0.0.1 is already in use. Stop the other program, or set ${name}.`,
    );
    await expect(statusOf(server.port, '/healthz')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    other.close();
  });
});

it('A port that is given twice stops the start with a sentence', async () => {
  const port = String(await freePort());
  const server = await start({ METRICS_PORT: port, ADMIN_PORT: port });
  expect((await server.exited).code).toBe(1);
  expect(server.stderr).toBe('Invalid configuration:\n  ADMIN_PORT must not be the same port as METRICS_PORT\n');
});

it('A host of its own is where a door is, and nowhere else', async () => {
  const port = await freePort();
  const server = await start({ METRICS_PORT: String(port), METRICS_HOST: '127.0.0.2' });
  await server.ready();
  expect(await statusOf(port, '/metrics', '127.0.0.2')).toBe(200);
  await expect(statusOf(port, '/metrics')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});
