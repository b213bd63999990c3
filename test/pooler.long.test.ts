import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import type pg from 'pg';
import { createDatabase, urlOf, type TestDatabase } from './support/database.js';
import { hasPgBouncer, PgBouncer } from './support/pgbouncer.js';
import { describeWhere } from './support/where.js';
import { cleanUp, eventually, ServerProcess } from './support/process.js';
import { bearer, claimsOf, newEmail, TEST_SECRET_KEY } from './support/server.js';

const describeWith = describeWhere({
  has: hasPgBouncer,
  otherwise: 'there is no PgBouncer (apt-get install pgbouncer)',
});
/** Of the locks of this database: other suites share the cluster. */
const HERE = '(SELECT oid FROM pg_database WHERE datname = current_database()) = database';
/** What no request may exceed, in milliseconds, on a machine that is busy. */
const LONGEST = 20_000;

let database: TestDatabase;
/** Started by the test that runs. */
let pooler: PgBouncer;

beforeAll(async () => {
  database = await createDatabase();
  // Whatever the database's defaults are, they are not ours.
  await database.query(
    `ALTER DATABASE ${database.connection.database} SET default_transaction_isolation = 'serializable'`,
  );
});

afterEach(async () => {
  await cleanUp();
  await pooler.stop();
});

afterAll(() => database.drop());

function start(env: Record<string, string>): Promise<ServerProcess> {
  const common = {
    SECRET_KEY: TEST_SECRET_KEY,
    BCRYPT_COST: '4',
    RATE_LIMIT_PER_MINUTE: '0',
    LOG_LEVEL: 'info',
    FRONTEND_AUTH: 'none',
    PUBLIC_URL: 'http://latchkey.test',
  };
  const DATABASE_POOL_SIZE = '4';
  return ServerProcess.start({ ...common, DATABASE_POOL_SIZE, ...env });
}

interface Session {
  id: string;
  token: string;
}

async function signUp(server: ServerProcess): Promise<Session> {
  const account = { email: newEmail(), password: 'example', remember_me: true };
  const { status, body } = await server.call('POST', '/accounts', { account });
  expect(status).toBe(201);
  const { token } = body as { token: string };
  return { id: claimsOf(token).data.id, token };
}

async function statusOf(server: ServerProcess, { id, token }: Session): Promise<number> {
  return (await server.call('GET', `/accounts/${id}`, undefined, bearer(token))).status;
}

async function signOut(server: ServerProcess, { token }: Session): Promise<number> {
  return (await server.call('DELETE', '/account/session', undefined, bearer(token))).status;
}

/** An API token: what is remembered of it is all that a check needs. */
async function apiToken(server: ServerProcess): Promise<() => Promise<number>> {
  const asked = { account_id: 'ACCOUNT', description: 'A token', created_by: 'somebody@example.org' };
  const { body } = await server.call('POST', '/v1/frontend/auth', asked);
  const { token } = body as { token: string };
  return async () => (await server.call('GET', '/v1/api/auth', undefined, bearer(token))).status;
}

async function rows<Row extends pg.QueryResultRow>(statement: string): Promise<Row[]> {
  return database.query<Row>(statement);
}

describeWith.each([
  ['in session mode, with its defaults', { pool_mode: 'session' }, false],
  ['in transaction mode, beside a direct URL', { pool_mode: 'transaction', default_pool_size: 4 }, true],
] as const)('a server behind a PgBouncer %s', (_mode, settings, isBesideDirect) => {
  const env = (): Record<string, string> => ({
    DATABASE_URL: pooler.url(),
    ...(isBesideDirect && { DATABASE_DIRECT_URL: urlOf(database.connection) }),
  });

  it('starts twice at once and serves: every check under load is good, and what is revoked is refused on both', async () => {
    pooler = await PgBouncer.start(database.connection, settings);
    const servers = await Promise.all([start(env()), start(env())]);
    const [here, there] = (await Promise.all(servers.map((server) => server.ready()))) as [
      ServerProcess,
      ServerProcess,
    ];
    const sessions: Session[] = [];
    while (sessions.length < 8) sessions.push(await signUp(here));
    const statuses = new Set<number>();
    const load = async (server: ServerProcess, start: number): Promise<void> => {
      for (let index = start; index < 480; index += 16) {
        // Every tenth signs up: what is looked up then is not in memory.
        const session = index % 10 ? sessions[index % 8] : await signUp(server);
        if (session) statuses.add(await statusOf(server, session));
      }
    };
    await Promise.all(Array.from({ length: 16 }, (_, index) => load(index % 2 ? here : there, index)));
    expect(statuses).toEqual(new Set([200]));

    for (const session of sessions) expect(await signOut(here, session)).toBe(200);
    await eventually(async () => {
      for (const session of sessions) expect(await statusOf(there, session)).toBe(401);
    });
    expect(await rows(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND ${HERE}`)).toEqual([]);
  });

  it('keeps its limits: who waits for a lock is answered 503, and PostgreSQL does not go on waiting', async () => {
    pooler = await PgBouncer.start(database.connection, settings);
    const server = await (await start(env())).ready();
    const check = await apiToken(server);
    expect(await check()).toBe(200);
    const holder = await database.hold('LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE');
    const begun = Date.now();
    try {
      const account = { email: newEmail(), password: 'example' };
      expect((await server.call('POST', '/accounts', { account })).status).toBe(503);
      expect(await check()).toBe(200);
      await eventually(async () => {
        expect(
          await rows(
            `SELECT query FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
          ),
        ).toEqual([]);
      });
      expect(Date.now() - begun).toBeLessThan(LONGEST);
    } finally {
      await holder.end();
    }
    await signUp(server);
  });

  it('sees other transactions as READ COMMITTED has it, though the database says SERIALIZABLE', async () => {
    pooler = await PgBouncer.start(database.connection, settings);
    const server = await (await start(env())).ready();
    const session = await signUp(server);
    // All of them change the same row: under SERIALIZABLE most would fail.
    const statuses = await Promise.all(Array.from({ length: 8 }, () => signOut(server, session)));
    expect(statuses.filter((status) => status !== 401 && status !== 200)).toEqual([]);
  });

  it('takes a restart of PgBouncer for an outage, and is back by itself', async () => {
    pooler = await PgBouncer.start(database.connection, settings);
    const server = await (await start(env())).ready();
    const check = await apiToken(server);
    expect(await check()).toBe(200);
    const { port } = pooler;
    await pooler.stop();
    const away = await server.call('POST', '/accounts', { account: { email: newEmail(), password: 'example' } });
    expect(away.status).toBe(503);
    pooler = await PgBouncer.start(database.connection, { ...settings, listen_port: port });
    await server.ready();
    expect(await check()).toBe(200);
  });
});

describeWith('a server with its defaults behind a PgBouncer with its defaults', () => {
  it('needs fewer connections than that has, whatever its requests wait for', async () => {
    pooler = await PgBouncer.start(database.connection, { pool_mode: 'session' });
    const server = await (await start({ DATABASE_URL: pooler.url(), DATABASE_POOL_SIZE: '10' })).ready();
    const sessions: Session[] = [];
    while (sessions.length < 20) sessions.push(await signUp(server));
    const holder = await database.hold('LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE');
    let most = 0;
    try {
      const account = () => ({ account: { email: newEmail(), password: 'example' } });
      const waiting = Promise.all([
        ...sessions.map((session) => signOut(server, session)),
        ...sessions.map(() => server.call('POST', '/accounts', account())),
      ]);
      for (let isOver = false; !isOver;) {
        const [{ count } = { count: 0 }] = await rows<{ count: number }>(
          `SELECT count(*)::int AS count FROM pg_stat_activity
           WHERE datname = current_database() AND application_name LIKE 'latchkey%'`,
        );
        most = Math.max(most, count);
        isOver = await Promise.race([waiting.then(() => true), sleep(50, false)]);
      }
    } finally {
      await holder.end();
    }
    expect(most).toBeGreaterThan(10);
    expect(most).toBeLessThanOrEqual(18);
  });
});

describeWith('a start is refused', () => {
  async function refusal(env: Record<string, string>): Promise<string> {
    const server = await start(env);
    expect((await server.exited).code).toBe(1);
    return server.output;
  }

  it('behind a PgBouncer in transaction mode alone, in a sentence that names DATABASE_DIRECT_URL', async () => {
    pooler = await PgBouncer.start(database.connection, { pool_mode: 'transaction' });
    const output = await refusal({ DATABASE_URL: pooler.url() });
    expect(output).toContain('DATABASE_URL leads through a pooler in transaction mode. Set DATABASE_DIRECT_URL');
  });

  it('behind one in statement mode, whatever else is set', async () => {
    pooler = await PgBouncer.start(database.connection, { pool_mode: 'statement' });
    const DATABASE_DIRECT_URL = urlOf(database.connection);
    for (const direct of [{}, { DATABASE_DIRECT_URL }]) {
      const output = await refusal({ DATABASE_URL: pooler.url(), ...direct });
      expect(output).toContain('DATABASE_URL leads through a pooler in statement mode.');
    }
  });

  it('when the direct URL leads through the pooler too', async () => {
    pooler = await PgBouncer.start(database.connection, { pool_mode: 'transaction' });
    const output = await refusal({ DATABASE_URL: pooler.url(), DATABASE_DIRECT_URL: pooler.url() });
    expect(output).toContain(
      'DATABASE_DIRECT_URL leads through a pooler in transaction mode. ' +
        'Set it to a URL that leads to PostgreSQL itself, or through a pooler in session mode.',
    );
  });

  it('when the two URLs lead to different databases, before anything is made in either', async () => {
    const [one, other] = [await createDatabase({ empty: true }), await createDatabase({ empty: true })];
    try {
      const output = await refusal({
        DATABASE_URL: urlOf(one.connection),
        DATABASE_DIRECT_URL: urlOf(other.connection),
      });
      expect(output).toContain('DATABASE_URL and DATABASE_DIRECT_URL do not lead to the same database');
      const tables = `SELECT 1 FROM pg_tables WHERE schemaname = 'public'`;
      expect([await one.query(tables), await other.query(tables)]).toEqual([[], []]);
    } finally {
      await one.drop();
      await other.drop();
    }
  });
});
