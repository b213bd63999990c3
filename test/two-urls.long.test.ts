import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createDatabase, urlOf, type TestDatabase } from './support/database.js';
import { Line } from './support/line.js';
import { cleanUp, eventually, ServerProcess } from './support/process.js';
import { bearer, claimsOf, newEmail, TEST_SECRET_KEY } from './support/server.js';

interface Session {
  id: string;
  token: string;
}

let database: TestDatabase;
/** As an old primary is after a failover: with the same rows. */
let copy: TestDatabase;
let line: Line;
/** A session for each test. */
const sessions: Session[] = [];

beforeAll(async () => {
  database = await createDatabase();
  const server = await (await start({ DATABASE_URL: urlOf(database.connection) })).ready();
  while (sessions.length < 4) sessions.push(await signUp(server));
  await server.stop();
  copy = await database.copy();
});

afterEach(async () => {
  await cleanUp();
  await line.close();
});

afterAll(async () => {
  await copy.drop();
  await database.drop();
});

function start(env: Record<string, string>): Promise<ServerProcess> {
  const limits = {
    PUBLIC_URL: 'http://latchkey.test',
    BCRYPT_COST: '4',
    RATE_LIMIT_PER_MINUTE: '0',
    DATABASE_POOL_SIZE: '4',
  };
  return ServerProcess.start({ SECRET_KEY: TEST_SECRET_KEY, LOG_LEVEL: 'info', ...limits, ...env });
}

/** A server for which one of the URLs leads over a line. */
async function startOver(variable: 'DATABASE_URL' | 'DATABASE_DIRECT_URL'): Promise<ServerProcess> {
  line = await Line.open(database.connection);
  const straight = urlOf(database.connection);
  const urls = { DATABASE_URL: straight, DATABASE_DIRECT_URL: straight, [variable]: line.url };
  return (await start(urls)).ready();
}

/** Later calls lead elsewhere, and those that are there end. */
function move({ connection }: Pick<TestDatabase, 'connection'>): void {
  line.moveTo(connection);
  line.cut(() => true);
}

async function signUp(server: ServerProcess): Promise<Session> {
  const account = { email: newEmail(), password: 'example', remember_me: true };
  const { status, body } = await server.call('POST', '/accounts', { account });
  expect(status).toBe(201);
  const { token } = body as { token: string };
  return { id: claimsOf(token).data.id, token };
}

function nextSession(): Session {
  const session = sessions.shift();
  if (!session) throw new Error('Every test needs a session.');
  return session;
}

async function check(server: ServerProcess, { id, token }: Session): Promise<number> {
  return (await server.call('GET', `/accounts/${id}`, undefined, bearer(token))).status;
}

function signOut(server: ServerProcess, { token }: Session) {
  return server.call('DELETE', '/account/session', undefined, bearer(token));
}

const TOLD = 'do not lead to the same database';
const tellings = (server: ServerProcess) =>
  server.log.filter(({ level, msg }) => level === 'error' && msg.includes(TOLD));

describe.each(['DATABASE_URL', 'DATABASE_DIRECT_URL'] as const)('when %s comes to lead to an old copy', (variable) => {
  it('nothing is acknowledged or accepted, and everybody is told why, until it leads back', async () => {
    const server = await startOver(variable);
    const session = nextSession();
    expect(await check(server, session)).toBe(200);
    move(copy);
    while (tellings(server).length === 0) {
      const { status, headers } = await signOut(server, session);
      expect([status, headers.get('retry-after')]).toEqual([503, '1']);
    }
    expect(await check(server, session)).toBe(503);
    const { status, body } = await server.call('GET', '/readyz');
    expect(status).toBe(503);
    expect(JSON.stringify(body)).toContain(TOLD);
    for (const each of [database, copy]) {
      const ended = await each.query('SELECT 1 FROM sessions WHERE account_id = $1 AND revoked_at IS NOT NULL', [
        session.id,
      ]);
      expect(ended).toEqual([]);
    }

    move(database);
    await server.ready();
    expect(await check(server, session)).toBe(200);
    expect((await signOut(server, session)).status).toBe(200);
    expect(await check(server, session)).toBe(401);
    expect(tellings(server)).toHaveLength(1);
  });
});

it('while the direct URL is away, the server is not ready, and what is checked only is checked', async () => {
  const server = await startOver('DATABASE_DIRECT_URL');
  const session = nextSession();
  move({ connection: { ...database.connection, host: '/nowhere' } });
  await eventually(async () => {
    const { status, body } = await server.call('GET', '/readyz');
    expect(status).toBe(503);
    expect(JSON.stringify(body)).toContain('DATABASE_DIRECT_URL');
  });
  expect((await signOut(server, session)).status).toBe(503);
  expect(await check(server, session)).toBe(200);
  move(database);
  await server.ready();
  expect((await signOut(server, session)).status).toBe(200);
  expect(tellings(server)).toEqual([]);
});

it('connections that are lost and lead where they did turn nobody away for long', async () => {
  const server = await startOver('DATABASE_DIRECT_URL');
  for (const session of [await signUp(server), await signUp(server), nextSession()]) {
    line.cut(() => true);
    await eventually(async () => {
      // 401: it was signed out before, though that was answered 503.
      expect([200, 401]).toContain((await signOut(server, session)).status);
    });
  }
  expect(tellings(server)).toEqual([]);
});

it('a database that cannot be written to is not served, and the reason is told', async () => {
  line = await Line.open(database.connection);
  const readOnly = `${line.url}?options=-c%20default_transaction_read_only%3Don&target_session_attrs=read-write`;
  const waiting = await start({ DATABASE_URL: readOnly });
  await eventually(() => {
    expect(waiting.output).toContain('waiting for the database: The database is read-only');
  });
  await waiting.stop();

  const server = await (await start({ DATABASE_URL: line.url })).ready();
  const name = database.connection.database;
  await database.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
  try {
    line.cut(() => true);
    await eventually(async () => {
      const { status, body } = await server.call('GET', '/readyz');
      expect(status).toBe(503);
      expect(JSON.stringify(body)).toContain('read-only');
    });
  } finally {
    await database.query(`BEGIN READ WRITE; ALTER DATABASE ${name} RESET default_transaction_read_only; COMMIT`);
  }
  line.cut(() => true);
  await server.ready();
});
