import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { SupervisedPostgres } from '@latchkey/supervised-postgres';
import pg from 'pg';
import { startEmbeddedPostgres } from '../src/database/embedded-postgres.js';
import { migrate } from '../src/database/migrate.js';
import {
  childrenOf,
  cleanUp,
  eventually,
  freePort,
  Gate,
  newFolder,
  postmasterOf,
  ServerProcess,
} from './support/process.js';
import { bearer, claimsOf, newEmail, startServer, TEST_SECRET_KEY, type Answer } from './support/server.js';

/**
 * In milliseconds: what no request may exceed, and how long after its return the database must be of use. It is five
 * seconds and two on a machine that is not busy; what hangs would do so for minutes, or for ever.
 */
const LONGEST = 30_000;
const RECOVERY = 30_000;
/** The kinds of requests that need the database. */
const NEEDY = ['read', 'ready', 'refresh', 'sign-in'];
/** How many loops ask for each kind of thing: together more than the pool has connections. */
const LOOPS = 4;

/** A server in this process or in another. */
type Reachable = Pick<ServerProcess, 'call'>;

interface Sample {
  kind: string;
  status: number;
  retryAfter: string | null;
  startedAt: number;
  milliseconds: number;
}

let dataDir: string;
let postgres: SupervisedPostgres;
let server: ServerProcess;

beforeAll(async () => {
  dataDir = newFolder();
  postgres = await startPostgres();
  await migrate(postgres.connection);
  const { user, password, host, port, database } = postgres.connection;
  const DATABASE_URL = `postgres://${user}:${password}@${encodeURIComponent(host)}:${port}/${database}`;
  // In a process of its own: under Jest, Node's errors are no instances of the Error that our code knows.
  const env = { DATABASE_URL, SECRET_KEY: TEST_SECRET_KEY, BCRYPT_COST: '4', RATE_LIMIT_PER_MINUTE: '0' };
  server = await ServerProcess.start({ ...env, LOG_LEVEL: 'warn' }).then((started) => started.ready());
});

afterAll(async () => {
  await server.stop();
  await postgres.stop();
  await cleanUp();
});

it('a database that is stopped and started again is an outage, and nothing more', async () => {
  await expectOutage(async (load) => {
    const { host } = postgres.connection;
    await postgres.stop();
    await load.isRefused();
    postgres = await startPostgres();
    // The server has been told this address and no other.
    expect(postgres.connection.host).toBe(host);
  });
});

it.each(['SIGINT', 'SIGKILL'] as const)('so is one that %s ends and its supervisor starts again', async (signal) => {
  await expectOutage(async (load) => {
    // It may be back before each kind has been asked for: then it ends once more.
    do {
      const before = postmasterOf(dataDir);
      process.kill(before, signal);
      await eventually(() => {
        expect(postmasterOf(dataDir)).not.toBe(before);
      });
      await eventually(isBack);
    } while (load.neverRefused().length > 0);
  });
});

it('so is one that freezes: no request hangs, and the connections that hang are given up', async () => {
  await expectOutage(async (load) => {
    const postmaster = postmasterOf(dataDir);
    process.kill(postmaster, 'SIGSTOP');
    const all = [postmaster, ...childrenOf(postmaster)];
    for (const pid of all) process.kill(pid, 'SIGSTOP');
    try {
      await load.isRefused();
    } finally {
      for (const pid of all) process.kill(pid, 'SIGCONT');
    }
  });
});

it('connections that go mute for good are replaced when they are first used', async () => {
  const gate = new Gate(await freePort(), postgres.connection);
  await gate.listen();
  gate.open();
  const behind = await startServer({ ...postgres.connection, host: '127.0.0.1', port: gate.port });
  try {
    const load = await Load.start(behind);
    await load.succeeds();
    gate.silence();
    await eventually(() => {
      expect(load.neverRefused().length).toBeLessThan(NEEDY.length);
    }, LONGEST);
    await load.settles();
    const settled = Date.now();
    await load.succeeds();
    const samples = await load.stop();
    expect(samples.filter(({ status }) => status !== 200 && status !== 503)).toEqual([]);
    expect(samples.filter(({ milliseconds }) => milliseconds > LONGEST)).toEqual([]);
    expect(samples.filter(({ status, startedAt }) => status === 503 && startedAt > settled)).toEqual([]);
  } finally {
    await behind.close();
    await gate.close();
  }
});

/** Keeps asking before, during and after an outage, and looks at every single answer. */
async function expectOutage(outage: (load: Load) => Promise<void>): Promise<void> {
  const load = await Load.start(server);
  await load.succeeds();
  const before = load.samples.length;
  expect(load.samples.filter(({ status }) => status !== 200)).toEqual([]);

  await outage(load);
  await eventually(isBack);
  // Everything that is asked once it is of use again succeeds; give it time to be asked often.
  await load.settles();
  const settled = Date.now();
  await load.succeeds();
  const samples = await load.stop();

  const kinds = [...new Set(samples.map(({ kind }) => kind))].sort();
  expect(kinds).toEqual(['health', 'read', 'ready', 'refresh', 'sign-in']);
  expect(samples.filter(({ kind, status }) => kind === 'health' && status !== 200)).toEqual([]);
  expect(samples.filter(({ status }) => status !== 200 && status !== 503)).toEqual([]);
  expect(samples.filter(({ milliseconds }) => milliseconds > LONGEST)).toEqual([]);
  const refused = samples.filter(({ status }) => status === 503);
  expect(refused.filter(({ kind, retryAfter }) => kind !== 'ready' && !/^[1-9]\d*$/.test(retryAfter ?? ''))).toEqual(
    [],
  );
  // It has been an outage for every kind that needs the database, and it is over for all.
  for (const kind of NEEDY) {
    expect([kind, refused.filter((sample) => sample.kind === kind).length]).not.toEqual([kind, 0]);
  }
  expect(samples.slice(0, before).filter(({ status }) => status !== 200)).toEqual([]);
  expect(refused.filter(({ startedAt }) => startedAt > settled)).toEqual([]);
}

/** Requests without an end, in loops that each have an account of their own. */
class Load {
  readonly samples: Sample[] = [];
  private stopped = false;
  private running: Promise<unknown> = Promise.resolve();

  static async start(server: Reachable): Promise<Load> {
    const load = new Load();
    const accounts = await Promise.all(Array.from({ length: LOOPS * 3 }, () => signUp(server, newEmail(), 'example')));
    const loops = accounts.map(({ id, token, email, password, refreshToken }, index) => {
      if (index % 3 === 0) return load.loop('read', 100, () => read(server, id, token));
      if (index % 3 === 1) return load.loop('sign-in', 100, () => signIn(server, email, password));
      let current = refreshToken;
      return load.loop('refresh', 100, async () => {
        const answer = await refresh(server, current);
        if (answer.status === 200) current = (answer.body as { refresh_token: string }).refresh_token;
        return answer;
      });
    });
    load.running = Promise.all([
      ...loops,
      load.loop('health', 50, () => server.call('GET', '/healthz')),
      load.loop('ready', 50, () => server.call('GET', '/readyz')),
    ]);
    return load;
  }

  /** Waits until every kind of request has succeeded at least a few times from now on. */
  async succeeds(): Promise<void> {
    const from = this.samples.length;
    await eventually(() => {
      this.expectSuccess(this.samples.slice(from));
    }, LONGEST);
  }

  /** Waits until every kind of request has succeeded at least a few times, and none has been refused any more. */
  async settles(): Promise<void> {
    const from = this.samples.length;
    await eventually(() => {
      const last = this.samples.findLastIndex(({ status }) => status !== 200);
      this.expectSuccess(this.samples.slice(Math.max(from, last + 1)));
    }, RECOVERY);
  }

  /** Waits until every kind of request that needs the database has been refused. */
  async isRefused(): Promise<void> {
    await eventually(() => {
      expect(this.neverRefused()).toEqual([]);
    }, LONGEST);
  }

  /** Which kinds of requests that need the database have not been refused so far. */
  neverRefused(): string[] {
    return NEEDY.filter((kind) => !this.samples.some((sample) => sample.kind === kind && sample.status === 503));
  }

  private expectSuccess(samples: Sample[]): void {
    for (const kind of NEEDY) {
      const succeeded = samples.filter((sample) => sample.kind === kind && sample.status === 200);
      expect(succeeded.length).toBeGreaterThan(2 * LOOPS);
    }
  }

  async stop(): Promise<Sample[]> {
    this.stopped = true;
    await this.running;
    return this.samples;
  }

  /** @param pause a client's, without which this would take all of the processor */
  private async loop(kind: string, pause: number, request: () => Promise<Answer>): Promise<void> {
    while (!this.stopped) {
      const startedAt = Date.now();
      const { status, headers } = await request();
      const milliseconds = Date.now() - startedAt;
      this.samples.push({ kind, status, retryAfter: headers.get('retry-after'), startedAt, milliseconds });
      await sleep(status === 200 ? pause : pause / 2);
    }
  }
}

async function signUp(server: Reachable, email: string, password: string) {
  const { status, body } = await server.call('POST', '/accounts', { account: { email, password, remember_me: true } });
  expect(status).toBe(201);
  const { token, refresh_token } = body as { token: string; refresh_token: string };
  return { id: claimsOf(token).data.id, email, password, token, refreshToken: refresh_token };
}

function read(server: Reachable, id: string, token: string): Promise<Answer> {
  return server.call('GET', `/accounts/${id}`, undefined, bearer(token));
}

function signIn(server: Reachable, email: string, password: string): Promise<Answer> {
  return server.call('POST', '/account/session', { account: { email, password } });
}

function refresh(server: Reachable, refresh_token: string): Promise<Answer> {
  return server.call('PUT', '/account/session', { account: { refresh_token, remember_me: true } });
}

/** Asks PostgreSQL itself. */
async function isBack(): Promise<void> {
  const client = new pg.Client({ ...postgres.connection, connectionTimeoutMillis: 500 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
  } finally {
    await client.end().catch(() => undefined);
  }
}

function startPostgres(): Promise<SupervisedPostgres> {
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  return startEmbeddedPostgres({ dataDir, log, settings: { fsync: 'off' } });
}
