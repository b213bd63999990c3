import { rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mostConnections } from '../src/database/most-connections.js';
import { createDatabase, urlOf, type TestDatabase } from './support/database.js';
import { childrenOf, cleanUp, eventually, isAlive, newFolder, ServerProcess, START_LIMIT } from './support/process.js';
import { send } from './support/raw-http.js';
import { TEST_SECRET_KEY } from './support/server.js';

const APP_TOKEN = '0123456789abcdef0123456789abcdef';
const PASSWORD = 'an example of a password';
const LIMIT = 30;
const POOL = 5;

let database: TestDatabase;
let env: Record<string, string>;
let server: ServerProcess;

beforeAll(async () => {
  database = await createDatabase({ empty: true });
  env = {
    DATABASE_URL: urlOf(database.connection),
    SECRET_KEY: TEST_SECRET_KEY,
    WEB_CONCURRENCY: '2',
    DATABASE_POOL_SIZE: String(POOL),
    BCRYPT_COST: '4',
    RATE_LIMIT_PER_MINUTE: String(LIMIT),
    TRUST_PROXY: '127.0.0.0/8',
    BOOTSTRAP_ADMIN_EMAIL: 'admin@example.org',
    BOOTSTRAP_ADMIN_PASSWORD: PASSWORD,
    BOOTSTRAP_APP_TOKEN: APP_TOKEN,
  };
  server = await start();
});

afterAll(async () => {
  await cleanUp();
  await database.drop();
});

async function start(more: Record<string, string> = {}): Promise<ServerProcess> {
  return (await ServerProcess.start({ ...env, ...more })).ready();
}

interface Line {
  worker?: number;
  msg: string;
  context?: string;
  route?: string;
  status?: number;
}

const logOf = (one: ServerProcess): Line[] => one.log;
const linesWith = (one: ServerProcess, text: string) => logOf(one).filter(({ msg }) => msg.includes(text));

/** On a connection of its own, so that the workers answer in turn. */
const ask = (path: string, headers: Record<string, string> = {}, method = 'GET', body?: object) =>
  send(server, {
    method,
    path,
    headers: { ...headers, 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });

/** On a connection that stays, so always by the same worker. */
function askOn(agent: Agent, path: string, headers: Record<string, string>, url = server.url): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(`${url}${path}`, { agent, headers }, (response) => {
      response.resume().on('end', () => {
        resolve(response.statusCode ?? 0);
      });
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end();
  });
}

const keptConnection = () => new Agent({ keepAlive: true, maxSockets: 1 });

async function newApiToken(): Promise<{ token: string; revoke: () => Promise<{ status: number }> }> {
  const frontend = { 'app-token': APP_TOKEN };
  const gateway = { account_id: 'GATEWAY_ACCOUNT_1', description: 'workers' };
  const { body } = await ask('/v1/frontend/auth', frontend, 'POST', gateway);
  const { token } = body as { token: string };
  return {
    token,
    revoke: () => ask('/v1/frontend/auth/GATEWAY_ACCOUNT_1', frontend, 'DELETE', { token }),
  };
}

const asRegExp = (text: string) => new RegExp(text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));

/** @returns what `/metrics` says of a metric with these labels */
async function numberOf(metric: string): Promise<number> {
  const text = (await ask('/metrics')).body as string;
  return Number(new RegExp(`^${asRegExp(metric).source} (.*)$`, 'm').exec(text)?.[1]);
}

describe('A server with two workers', () => {
  it('is migrated and bootstrapped once, says once that it is ready, and both answer', async () => {
    const before = logOf(server).length;
    for (let turn = 0; turn < 4; turn += 1) expect((await ask('/.well-known/jwks.json')).status).toBe(200);
    const answered = () =>
      logOf(server)
        .slice(before)
        .filter(({ route }) => route === '/.well-known/jwks.json');
    await eventually(() => {
      expect(answered()).toHaveLength(4);
    });
    expect(new Set(answered().map(({ worker }) => worker))).toEqual(new Set([1, 2]));
    expect(linesWith(server, 'ready at')).toEqual([expect.not.objectContaining({ worker: expect.anything() })]);
    expect(linesWith(server, 'the first admin was created')).toHaveLength(1);
    const admins = await database.query(`SELECT 1 FROM accounts WHERE role = 'admin'`);
    const tokens = await database.query(`SELECT 1 FROM tokens WHERE kind = 'app'`);
    expect([admins.length, tokens.length]).toEqual([1, 1]);
    expect(childrenOf(server.pid)).toHaveLength(2);
  });

  it('refuses a revoked token on every connection as soon as that is answered', async () => {
    const agents = Array.from({ length: 8 }, keptConnection);
    for (let round = 0; round < 15; round += 1) {
      const { token, revoke } = await newApiToken();
      const check = () =>
        Promise.all(agents.map((agent) => askOn(agent, '/v1/api/auth', { authorization: `Bearer ${token}` })));
      // Twice: the second time each remembers it.
      expect([...(await check()), ...(await check())]).toEqual(Array(16).fill(200));
      expect((await revoke()).status).toBe(200);
      expect(await check()).toEqual(Array(8).fill(401));
    }
    for (const agent of agents) agent.destroy();
    const checks = logOf(server).filter(({ route, status }) => route === '/v1/api/auth' && status === 401);
    expect(new Set(checks.map(({ worker }) => worker))).toEqual(new Set([1, 2]));
  });

  it('counts limits over both', async () => {
    const visitor = { 'x-forwarded-for': '203.0.113.7' };
    const statuses: number[] = [];
    for (let turn = 0; turn < LIMIT + 10; turn += 1) {
      const { status } = await ask('/account/password', visitor, 'POST', { account: { email: 'nobody' } });
      statuses.push(status);
    }
    expect(statuses.filter((status) => status !== 429)).toHaveLength(LIMIT);
    expect(statuses.slice(LIMIT)).toEqual(Array(10).fill(429));
  });

  it('gives the numbers of both, whichever is asked', async () => {
    const metric = 'latchkey_http_requests_total{method="GET",route="/.well-known/jwks.json",status="200"}';
    const before = await numberOf(metric);
    for (let turn = 0; turn < 6; turn += 1) await ask('/.well-known/jwks.json');
    await eventually(async () => {
      expect([await numberOf(metric), await numberOf(metric)]).toEqual([before + 6, before + 6]);
    });
    // Three processes are larger than one.
    expect(await numberOf('process_resident_memory_bytes')).toBeGreaterThan(200 * 2 ** 20);
    expect(await numberOf('latchkey_clock_offset_seconds')).toBeLessThan(1);
  });

  it('says that it is certain to hear of revocations only while both are', async () => {
    const heard = () => numberOf('latchkey_revocations_connected');
    await eventually(async () => {
      expect(await heard()).toBe(1);
    });
    await eventually(async () => {
      const cut = await database.query(
        `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'latchkey revocations' LIMIT 1`,
      );
      expect(cut).toHaveLength(1);
      expect(await heard()).toBe(0);
    });
    await eventually(async () => {
      expect(await heard()).toBe(1);
    });
  });

  it('has no more connections to the database for requests than it may have', async () => {
    const most = await mostAtOnce(async () => {
      const unknown = (index: number) => `Basic ${Buffer.from(`nobody${index}:nothing`).toString('base64')}`;
      const turns = Array.from({ length: 120 }, (_, index) =>
        ask('/oauth/token', { authorization: unknown(index) }, 'POST', {}),
      );
      await Promise.all(turns);
    });
    expect(most.ofRequests).toBeGreaterThan(POOL / 2);
    expect(most.ofRequests).toBeLessThanOrEqual(POOL);
    expect(most.all).toBeLessThanOrEqual(
      mostConnections({ databasePoolSize: POOL, workers: 2, directDatabase: undefined }),
    );
    // One that was lost while the machine was busy is made again.
    await eventually(async () => {
      const names = await database.query<{ name: string; count: number }>(
        `SELECT application_name AS name, count(*)::int AS count FROM pg_stat_activity
         WHERE datname = current_database() AND application_name IN ('latchkey revocations', 'latchkey heartbeat')
         GROUP BY 1 ORDER BY 1`,
      );
      expect(names).toEqual([
        { name: 'latchkey heartbeat', count: 2 },
        { name: 'latchkey revocations', count: 2 },
      ]);
    });
  });

  async function mostAtOnce(work: () => Promise<void>): Promise<{ ofRequests: number; all: number }> {
    const end = new AbortController();
    const most = { ofRequests: 0, all: 0 };
    const over = work().finally(() => {
      end.abort();
    });
    while (!end.signal.aborted) {
      const [row] = await database.query<typeof most>(
        `SELECT count(*) FILTER (WHERE application_name = 'latchkey')::int AS "ofRequests", count(*)::int AS all
         FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'latchkey%'`,
      );
      most.ofRequests = Math.max(most.ofRequests, row?.ofRequests ?? 0);
      most.all = Math.max(most.all, row?.all ?? 0);
    }
    await over;
    return most;
  }

  it('sends mails from one of them, at once, whichever has queued them', async () => {
    for (const email of ['one@example.org', 'two@example.org', 'three@example.org', 'four@example.org']) {
      const visitor = { 'x-forwarded-for': '203.0.113.9' };
      const account = { email, password: 'example' };
      expect((await ask('/accounts', visitor, 'POST', { account })).status).toBe(201);
      expect((await ask('/account/password', visitor, 'POST', { account: { email } })).status).toBe(200);
    }
    const sent = () => logOf(server).filter(({ context, msg }) => context === 'Mail' && msg.includes('reset'));
    await eventually(() => {
      expect(sent()).toHaveLength(4);
    });
    expect(new Set(sent().map(({ worker }) => worker))).toEqual(new Set([1]));
  });

  it('is ready while a worker that was killed is replaced, and counts on from what it had counted', async () => {
    const metric = 'latchkey_http_requests_total{method="GET",route="/.well-known/jwks.json",status="200"}';
    const counted = await numberOf(metric);
    const [victim = NaN, other] = childrenOf(server.pid);
    process.kill(victim, 'SIGKILL');
    await eventually(() => {
      expect(linesWith(server, 'has ended (SIGKILL)')).toHaveLength(1);
    });
    const statuses = new Set<number>();
    await eventually(async () => {
      statuses.add((await ask('/readyz')).status);
      const now = childrenOf(server.pid);
      expect(now).toHaveLength(2);
      expect(now).toContain(other);
      expect(now).not.toContain(victim);
      // Both are asked for their numbers when both serve.
      const [, second] = [await ask('/readyz'), await ask('/readyz')];
      expect(second.status).toBe(200);
      const serving = logOf(server)
        .slice(-40)
        .filter(({ route }) => route === '/readyz');
      expect(new Set(serving.map(({ worker }) => worker)).size).toBe(2);
    }, START_LIMIT);
    expect([...statuses]).toEqual([200]);
    expect(await numberOf(metric)).toBeGreaterThanOrEqual(counted);
    expect(linesWith(server, 'the first admin was created')).toHaveLength(1);
  });

  it('refuses the port to a second server, with a sentence', async () => {
    const second = await ServerProcess.start({ ...env, PORT: String(server.port) });
    expect((await second.exited).code).toBe(1);
    expect(second.output).toContain(`Port ${server.port} on 127.0.0.1 is already in use.`);
  });

  it('ends with the reason, once, when its workers cannot start', async () => {
    const other = await ServerProcess.start({
      ...env,
      SECRET_KEY: 'another secret key of the tests that is long enough',
    });
    expect((await other.exited).code).toBe(1);
    expect(linesWith(other, 'could not start: ')).toHaveLength(1);
    expect(linesWith(other, 'could not start: ')[0]?.msg).toMatch(/SECRET_KEY/);
    await expect(other.call('GET', '/healthz')).rejects.toThrow();
  });
});

it('A worker that ends is replaced with the secrets of the start, whatever has become of their files', async () => {
  const file = join(newFolder(), 'admin-password');
  writeFileSync(file, PASSWORD);
  // An empty variable counts as absent.
  const one = await start({ BOOTSTRAP_ADMIN_PASSWORD: '', BOOTSTRAP_ADMIN_PASSWORD_FILE: file });
  rmSync(file);
  const [victim = NaN] = childrenOf(one.pid);
  process.kill(victim, 'SIGKILL');
  await eventually(() => {
    expect(isAlive(victim)).toBe(false);
  });
  const before = one.log.length;
  await eventually(async () => {
    // On a connection of its own, so that the workers answer in turn.
    await send(one, { method: 'GET', path: '/healthz', headers: {} });
    const serving = logOf(one)
      .slice(before)
      .filter(({ route }) => route === '/healthz');
    expect(new Set(serving.map(({ worker }) => worker)).size).toBe(2);
  }, START_LIMIT);
  expect(linesWith(one, 'cannot start')).toEqual([]);
  expect((await one.stop()).code).toBe(0);
});

describe('The end of a server with two workers', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('%s to all of its processes fails no request', async (signal) => {
    const one = await start({ SHUTDOWN_DELAY: '1' });
    const workers = childrenOf(one.pid);
    const failures: unknown[] = [];
    let [answered, isOver] = [0, false];
    const visit = async () => {
      const agent = keptConnection();
      while (!isOver) {
        const outcome = await askOn(agent, '/.well-known/jwks.json', {}, one.url).catch((error: unknown) => error);
        if (outcome === 200) answered += 1;
        // Nobody listens any more: nothing was sent.
        else if ((outcome as { code?: string }).code === 'ECONNREFUSED') break;
        else failures.push(outcome);
      }
      agent.destroy();
    };
    const visitors = Array.from({ length: 16 }, visit);
    while (answered < 200) await sleep(10);
    const before = answered;
    for (const pid of workers) process.kill(pid, signal);
    const { code } = await one.stop(signal);
    isOver = true;
    await Promise.all(visitors);
    expect({ code, failures }).toEqual({ code: 0, failures: [] });
    expect(answered).toBeGreaterThan(before);
    expect(one.log.at(-1)?.msg).toBe('stopped');
    expect(workers.filter(isAlive)).toEqual([]);
  });

  it('kill -9 of the first process leaves nobody who serves', async () => {
    const one = await start();
    const workers = childrenOf(one.pid);
    expect(workers).toHaveLength(2);
    one.kill('SIGKILL');
    await one.exited;
    await expect(one.call('GET', '/healthz')).rejects.toThrow();
    await eventually(() => {
      expect(workers.filter(isAlive)).toEqual([]);
    });
  });

  it('a second signal ends all of it at once', async () => {
    const one = await start({ SHUTDOWN_DELAY: '3600' });
    const workers = childrenOf(one.pid);
    one.kill('SIGTERM');
    await eventually(() => {
      expect(linesWith(one, 'stopping on SIGTERM')).toHaveLength(1);
    });
    await sleep(250);
    expect((await one.stop()).code).toBe(1);
    await eventually(() => {
      expect(workers.filter(isAlive)).toEqual([]);
    });
  });

  it('does not come while another is starting', async () => {
    const one = await start();
    const before = childrenOf(one.pid);
    for (const pid of before) process.kill(pid, 'SIGKILL');
    const successors = await eventually(() => {
      const found = childrenOf(one.pid).filter((pid) => !before.includes(pid));
      expect(found).toHaveLength(2);
      return found;
    });
    // Neither is ready before the other one is gone.
    for (const pid of successors) process.kill(pid, 'SIGSTOP');
    const [first = NaN, second = NaN] = successors;
    process.kill(first, 'SIGKILL');
    await eventually(() => {
      expect(linesWith(one, 'cannot start; it will be retried')).toHaveLength(1);
    });
    process.kill(second, 'SIGCONT');
    await eventually(async () => {
      expect((await one.call('GET', '/readyz')).status).toBe(200);
    });
    expect(childrenOf(one.pid)).toContain(second);
    expect((await one.stop()).code).toBe(0);
  });

  it('when none is left and none can be started, it ends with the reason', async () => {
    const own = await createDatabase();
    try {
      const one = await start({ DATABASE_URL: urlOf(own.connection) });
      const [first = NaN, second = NaN] = childrenOf(one.pid);
      await own.query('ALTER TABLE signing_keys RENAME TO lost');
      process.kill(first, 'SIGKILL');
      await eventually(() => {
        expect(linesWith(one, 'cannot start; it will be retried').length).toBeGreaterThan(0);
      });
      expect((await one.call('GET', '/healthz')).status).toBe(200);
      process.kill(second, 'SIGKILL');
      expect((await one.exited).code).toBe(1);
      expect(one.log.at(-1)).toMatchObject({ level: 'fatal' });
    } finally {
      await own.drop();
    }
  });
});
