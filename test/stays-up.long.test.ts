import { get, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { DatabaseClient } from '../src/database/clients.js';
import { ormOptions, poolOptions } from '../src/database/connection.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { cleanUp, eventually, newFolder, ServerProcess } from './support/process.js';
import { newEmail, startServer, TEST_SECRET_KEY, type Answer } from './support/server.js';

const TERMINATIONS = 20;
/** How many connections ask for each kind of thing: of four kinds, 40 in all, for a pool of 10. */
const CONNECTIONS = 10;

const APP_TOKEN = '0123456789abcdef0123456789abcdef';
const ADMIN = { email: 'admin@example.org', password: 'an example of a password' };
const GATEWAY_ACCOUNT = { account_id: 'GATEWAY_ACCOUNT_1', description: 'load' };

/** Where Nest reports that the source of an answer has failed, as an error whatever the reason. */
const NEST_STREAMS = 'RouterResponseController';

let database: TestDatabase;
/** In a process of its own, as its end is what is looked for. */
let server: ServerProcess;

beforeAll(async () => {
  database = await createDatabase();
  server = await ServerProcess.start({ ...outsideDatabase(), LOG_LEVEL: 'warn' }).then((started) => started.ready());
});

afterAll(async () => {
  await cleanUp();
  await database.drop();
});

it('a busy server outlives the end of all its connections to the database, again and again', async () => {
  const load = await Load.start();
  for (let round = 0; round < TERMINATIONS; round += 1) {
    await load.goesOn();
    await terminateBackends();
  }
  await load.goesOn();
  const answers = await load.stop();

  expect(answers.filter(({ status }) => ![200, 201, 503].includes(status))).toEqual([]);
  expect(answers.filter(({ status, headers }) => status === 503 && !headers.has('retry-after'))).toEqual([]);
  await expectUnharmed();
});

it('it outlives exports that their readers or the database break off', async () => {
  await database.query(
    `INSERT INTO audit_events (kind, details)
     SELECT 'sign_out', jsonb_build_object('padding', repeat('x', 1000)) FROM generate_series(1, 20000)`,
  );
  const headers = { ...(await adminHeaders()), accept: 'application/x-ndjson' };
  for (let round = 0; round < 5; round += 1) {
    const exports = await Promise.all(Array.from({ length: 6 }, () => beginExport(headers)));
    const ends = exports.map((answer) => new Promise((resolve) => answer.once('close', resolve)));
    for (const answer of exports.slice(0, 3)) answer.destroy();
    await terminateBackends();
    for (const answer of exports.slice(3)) answer.resume();
    await Promise.all(ends);
    // The first statement on a lost connection may fail.
    await eventually(async () => {
      expect((await server.call('GET', '/readyz')).status).toBe(200);
    });
  }
  await expectUnharmed();
});

it('no connection is without a listener for a moment, whatever it is for', () => {
  const { connection } = database;
  for (const { extra } of [
    ormOptions(connection),
    poolOptions(connection, { size: 1, connectTimeout: 1_000, keepsSession: true, onError: () => undefined }),
  ]) {
    const { Client } = extra as { Client: typeof DatabaseClient };
    expect(new Client(connection).emit('error', new Error('lost'))).toBe(true);
  }
});

it('a full disk costs lines of the log, and the first credentials on the screen, but not the server', async () => {
  const command = ['sh', '-c', 'exec "$0" "$1" >/dev/full', process.execPath, 'dist/src/main.js'];
  const dataDir = newFolder();
  const full = await ServerProcess.start({ DATA_DIR: dataDir }, { command, cwd: process.cwd() });
  await full.ready();
  expect((await full.call('GET', '/healthz')).status).toBe(200);
  expect((await full.stop()).code).toBe(0);
  expect(full.stderr).toBe('');
});

it('so does a reader of the log that goes away', async () => {
  const unread = await ServerProcess.start(outsideDatabase()).then((started) => started.ready());
  unread.stopReading();
  for (let count = 0; count < 10; count += 1) expect((await unread.call('GET', '/healthz')).status).toBe(200);
  expect((await unread.stop()).code).toBe(0);
});

it('a connection that cannot be accepted is logged', async () => {
  const inside = await startServer(database.connection);
  try {
    expect(inside.app.getHttpServer().emit('error', new Error('accept ENOBUFS'))).toBe(true);
    expect(inside.logs.filter((line) => line.includes('accept ENOBUFS'))).toHaveLength(1);
    expect((await inside.call('GET', '/healthz')).status).toBe(200);
  } finally {
    await inside.close();
  }
});

function outsideDatabase(): Record<string, string> {
  const { user, password, host, port, database: name } = database.connection;
  return {
    DATABASE_URL: `postgres://${user}:${password}@${encodeURIComponent(host)}:${port}/${name}`,
    DATABASE_POOL_SIZE: '10',
    SECRET_KEY: TEST_SECRET_KEY,
    BCRYPT_COST: '4',
    RATE_LIMIT_PER_MINUTE: '0',
    BOOTSTRAP_ADMIN_EMAIL: ADMIN.email,
    BOOTSTRAP_ADMIN_PASSWORD: ADMIN.password,
    BOOTSTRAP_APP_TOKEN: APP_TOKEN,
  };
}

/** It is the same process still, and nothing that happened was a surprise to it. */
async function expectUnharmed(): Promise<void> {
  expect((await server.call('GET', '/healthz')).status).toBe(200);
  const surprises = server.log.filter(({ level, context }) => level === 'error' && context !== NEST_STREAMS);
  expect(surprises).toEqual([]);
  expect(server.stderr).toBe('');
}

/** Answers when the first part of the export has come. */
async function beginExport(headers: Record<string, string>): Promise<IncomingMessage> {
  const [answer] = (await once(get(`${server.url}/api/v1/audit_events`, { headers, agent: false }), 'response')) as [
    IncomingMessage,
  ];
  expect(answer.statusCode).toBe(200);
  answer.on('error', () => undefined);
  await once(answer, 'readable');
  return answer;
}

async function adminHeaders(): Promise<{ 'app-token': string; token: string }> {
  const login = { username: ADMIN.email, password: ADMIN.password };
  const { body } = await server.call('POST', '/api/v1/token/', login, { 'app-token': APP_TOKEN });
  return { 'app-token': APP_TOKEN, token: (body as { token: string }).token };
}

/** Ends every connection of the server's, as an administrator or a failover does. */
async function terminateBackends(): Promise<void> {
  const ended = await database.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name LIKE 'latchkey%'`,
  );
  expect(ended.length).toBeGreaterThan(0);
}

/** Requests without an end, of each kind on connections of their own. */
class Load {
  private readonly answers: Answer[] = [];
  private round = 0;
  /** The kinds of which a request has begun, and succeeded, in this round. */
  private readonly succeeded = new Set<string>();
  private stopped = false;
  private running: Promise<unknown> = Promise.resolve();

  static async start(): Promise<Load> {
    const load = new Load();
    const token = await apiToken();
    const admin = await adminHeaders();
    const accounts = await Promise.all(Array.from({ length: CONNECTIONS }, () => signUp()));
    const loops = accounts.map((account) => [
      load.loop('check', () => server.call('GET', '/v1/api/auth', undefined, { authorization: `Bearer ${token}` })),
      load.loop('sign-in', () => server.call('POST', '/account/session', { account })),
      load.loop('issue', () => server.call('POST', '/v1/frontend/auth', GATEWAY_ACCOUNT, { 'app-token': APP_TOKEN })),
      load.loop('list', () => server.call('GET', '/api/v1/tokens/', undefined, admin)),
    ]);
    load.running = Promise.all(loops.flat());
    load.running.catch(() => undefined);
    return load;
  }

  /** Waits until requests of every kind begin from now on, and succeed. */
  async goesOn(): Promise<void> {
    this.round += 1;
    this.succeeded.clear();
    const all = eventually(() => {
      expect([...this.succeeded].sort()).toEqual(['check', 'issue', 'list', 'sign-in']);
    });
    await Promise.race([this.running, all]);
  }

  async stop(): Promise<Answer[]> {
    this.stopped = true;
    await this.running;
    return this.answers;
  }

  /** @throws when a request gets no answer, which is how the end of the server shows */
  private async loop(kind: string, request: () => Promise<Answer>): Promise<void> {
    while (!this.stopped) {
      const { round } = this;
      const answer = await request();
      this.answers.push(answer);
      if (answer.status >= 300) await sleep(10);
      else if (round === this.round) this.succeeded.add(kind);
    }
  }
}

async function signUp(): Promise<{ email: string; password: string }> {
  const account = { email: newEmail(), password: 'example' };
  expect((await server.call('POST', '/accounts', { account })).status).toBe(201);
  return account;
}

async function apiToken(): Promise<string> {
  const { body } = await server.call('POST', '/v1/frontend/auth', GATEWAY_ACCOUNT, { 'app-token': APP_TOKEN });
  return (body as { token: string }).token;
}
