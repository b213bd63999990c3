import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { ormOptions, poolOptions, type DatabaseClient } from '../src/database/connection.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { cleanUp, eventually, ServerProcess } from './support/process.js';
import { newEmail, TEST_SECRET_KEY, type Answer } from './support/server.js';

const TERMINATIONS = 20;
/** How many connections ask for each kind of thing: of four kinds, 40 in all, for a pool of 10. */
const CONNECTIONS = 10;

const APP_TOKEN = '0123456789abcdef0123456789abcdef';
const ADMIN = { email: 'admin@example.org', password: 'an example of a password' };
const GATEWAY_ACCOUNT = { account_id: 'GATEWAY_ACCOUNT_1', description: 'load' };

let database: TestDatabase;
let server: ServerProcess;

beforeAll(async () => {
  database = await createDatabase();
  const { user, password, host, port, database: name } = database.connection;
  // In a process of its own, as its end is what is looked for.
  server = await ServerProcess.start({
    DATABASE_URL: `postgres://${user}:${password}@${encodeURIComponent(host)}:${port}/${name}`,
    DATABASE_POOL_SIZE: '10',
    SECRET_KEY: TEST_SECRET_KEY,
    BCRYPT_COST: '4',
    RATE_LIMIT_PER_MINUTE: '0',
    LOG_LEVEL: 'warn',
    BOOTSTRAP_ADMIN_EMAIL: ADMIN.email,
    BOOTSTRAP_ADMIN_PASSWORD: ADMIN.password,
    BOOTSTRAP_APP_TOKEN: APP_TOKEN,
  }).then((started) => started.ready());
});

afterAll(async () => {
  await server.stop();
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
  expect(server.log.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
  expect(server.stderr).toBe('');
  expect((await server.stop()).code).toBe(0);
});

it('no connection is without a listener for a moment, whatever it is for', () => {
  const { connection } = database;
  for (const { extra } of [ormOptions(connection), poolOptions(connection, 1, () => undefined)]) {
    const { Client } = extra as { Client: typeof DatabaseClient };
    expect(new Client(connection).emit('error', new Error('lost'))).toBe(true);
  }
});

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
    const login = { username: ADMIN.email, password: ADMIN.password };
    const { body } = await server.call('POST', '/api/v1/token/', login, { 'app-token': APP_TOKEN });
    const admin = { 'app-token': APP_TOKEN, token: (body as { token: string }).token };
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
    }, 30_000);
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
