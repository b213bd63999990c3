import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createDatabase, type TestDatabase } from './support/database.js';
import { Balancer, Crowd } from './support/balancer.js';
import { cleanUp, eventually, newFolder } from './support/process.js';
import { parseAnswer, RawSocket } from './support/raw-socket.js';
import { startServer, type TestServer } from './support/server.js';

let database: TestDatabase;
const servers: TestServer[] = [];
const sockets: RawSocket[] = [];

beforeAll(async () => {
  database = await createDatabase();
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.hangUp();
  for (const server of servers.splice(0)) await server.close().catch(() => undefined);
});

afterAll(async () => {
  await cleanUp();
  await database.drop();
});

async function start(port = 0): Promise<TestServer> {
  const server = await startServer(database.connection, { port });
  servers.push(server);
  return server;
}

/** Stops a server, once. */
function stop(server: TestServer, delay?: number): Promise<void> {
  servers.splice(servers.indexOf(server), 1);
  return server.close(delay);
}

async function open({ url }: TestServer): Promise<RawSocket> {
  const socket = await RawSocket.open(url);
  sockets.push(socket);
  return socket;
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;

/** A program that makes many connections at once, for one request each, tells when it has them, and how they fared. */
const VISITORS = `
  const { writeFileSync } = require('node:fs');
  const [, url, sign] = process.argv;
  const { hostname, port } = new URL(url);
  const count = { answered: 0, lost: 0 };
  let connected = 0;
  for (let number = 0; number < 400; number += 1) {
    const socket = require('node:net').connect(port, hostname);
    let fate = 'lost';
    socket.on('connect', () => {
      socket.write('GET /healthz HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n');
      connected += 1;
      if (connected === 400) writeFileSync(sign, '');
    });
    socket.on('data', () => (fate = 'answered'));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      count[fate] += 1;
      if (count.answered + count.lost === 400) console.log(JSON.stringify(count));
    });
  }
`;

async function isRefused({ url }: TestServer): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const refused = await once(socket, 'connect').then(
    () => false,
    () => true,
  );
  socket.on('error', () => undefined).destroy();
  return refused;
}

describe('A server that is told to stop', () => {
  it('is not ready any more, and goes on serving, each answer being the last of its connection', async () => {
    const server = await start();
    const idle = await open(server);
    idle.send(get('/healthz'));
    await eventually(() => {
      expect(idle.statuses).toEqual([200]);
    });
    expect(idle.received.toLowerCase()).not.toContain('connection: close');

    const stopped = stop(server, 3);
    const answers = await open(server);
    answers.send(get('/readyz'));
    const ready = parseAnswer(await answers.ended());
    expect(ready).toMatchObject({ status: 503, headers: { connection: 'close', 'retry-after': '1' } });
    expect(JSON.parse(ready.body)).toMatchObject({ error: { server: { status: 'down', message: 'stopping' } } });
    // On connections from before, and on new ones.
    idle.send(get('/.well-known/jwks.json'));
    await idle.ended();
    expect(idle.statuses).toEqual([200, 200]);
    expect(idle.received.toLowerCase().split('connection: close')).toHaveLength(2);
    expect((await server.call('GET', '/.well-known/jwks.json')).status).toBe(200);
    await stopped;
    expect(await isRefused(server)).toBe(true);
  });

  it('answers all that has come on a connection before it ends that', async () => {
    const server = await start();
    const stopped = stop(server, 1);
    const socket = await open(server);
    socket.send(get('/healthz') + get('/nowhere') + get('/healthz'));
    await socket.ended();
    expect(socket.statuses).toEqual([200, 404, 200]);
    expect(socket.received.toLowerCase().split('connection: close')).toHaveLength(2);
    await stopped;
  });

  it.each([
    ['after SHUTDOWN_DELAY', 0.2],
    ['without it', 0],
  ])(
    'still answers what comes on an idle connection %s, while it takes no more, and ends those that stay idle',
    async (_, delay) => {
      const server = await start();
      const [late, silent] = [await open(server), await open(server)];
      for (const socket of [late, silent]) socket.send(get('/healthz'));
      await eventually(() => {
        expect([late.statuses, silent.statuses]).toEqual([[200], [200]]);
      });
      const stopped = stop(server, delay);
      await eventually(async () => {
        expect(await isRefused(server)).toBe(true);
      });
      late.send(get('/healthz'));
      await late.ended();
      expect(late.statuses).toEqual([200, 200]);
      await silent.ended();
      expect(silent.statuses).toEqual([200]);
      await stopped;
    },
  );

  it('takes all connections that wait to be accepted before it takes no more', async () => {
    const server = await start();
    const sign = join(newFolder(), 'connected');
    const visitors = spawn(process.execPath, ['-e', VISITORS, server.url, sign], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const told = once(createInterface(visitors.stdout), 'line');
    // Nothing is accepted meanwhile.
    while (!existsSync(sign)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    await stop(server);
    expect(await told).toEqual([JSON.stringify({ answered: 400, lost: 0 })]);
  });

  it('refuses what comes later in the dialect of its route, and says when to try again', async () => {
    const server = await start();
    const socket = await open(server);
    socket.send('GET /accounts/x HTTP/1.1\r\n');
    await eventually(() => {
      expect(socket.socket.bytesWritten).toBeGreaterThan(0);
    });
    const stopped = stop(server);
    await eventually(async () => {
      expect(await isRefused(server)).toBe(true);
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    socket.send('Host: a\r\n\r\n');
    const { status, headers, body } = parseAnswer(await socket.ended());
    expect({ status, headers }).toMatchObject({
      status: 503,
      headers: { connection: 'close', 'retry-after': '1', 'x-frame-options': 'DENY' },
    });
    expect(JSON.parse(body)).toEqual({ id: 'unavailable', message: 'The server is being restarted. Try again later.' });
    await stopped;
  });

  it.each([
    ['that probes them', 50],
    ['that does not', undefined],
  ])('loses no request behind a plain TCP balancer %s', async (_, probeEvery) => {
    const all = [await start(), await start()];
    const ports = all.map(({ url }) => Number(new URL(url).port));
    const balancer = await Balancer.start(ports, probeEvery);
    const crowd = new Crowd(balancer.url, 20, 30, () => ({ method: 'GET', path: '/.well-known/jwks.json' }));
    try {
      for (const [index, port] of [...ports, ...ports].entries()) {
        const stopping = all[index % 2];
        if (stopping) await stop(stopping, 0.3);
        all[index % 2] = await start(port);
        const seen = crowd.answered;
        await eventually(() => {
          expect(balancer.trusts(port)).toBe(true);
          expect(crowd.answered).toBeGreaterThan(seen + 20);
        });
      }
    } finally {
      await crowd.stop();
      await balancer.close();
    }
    expect(crowd.failures).toEqual([]);
  });
});
