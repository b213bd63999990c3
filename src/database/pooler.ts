import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DatabaseConnection } from '../config/database-url.js';
import { DatabaseClient } from './clients.js';
import type { DatabaseAccess } from './connection.js';
import { Gate } from './gate.js';
import { settleTls } from './hosts.js';

/** How often is looked whether two connections share sessions: others that use the pooler may get in between. */
const ROUNDS = 10;
const LIMIT = 2_000;

/** How long what is announced through one URL may take to be heard through the other. In milliseconds. */
const HEARD_WITHIN = 5_000;

/** What is wrong when it is not. */
export const TWO_DATABASES =
  'DATABASE_URL and DATABASE_DIRECT_URL do not lead to the same database: ' +
  'what is announced through one of them is not heard through the other';

const KEEPS_SESSION = 'a URL that leads to PostgreSQL itself, or through a pooler in session mode';

type Mode = 'session' | 'transaction' | 'statement';

interface Way {
  mode: Mode;
  keepsStatements: boolean;
  isPooled: boolean;
}

/**
 * Finds out, by trying, what stands between this process and its database.
 *
 * @param direct from DATABASE_DIRECT_URL
 * @throws an Error that says what to set, when the way does not lead to what Latchkey needs
 */
export async function inspectAccess(
  pool: DatabaseConnection,
  direct: DatabaseConnection | undefined,
): Promise<DatabaseAccess> {
  const settledPool = await settleTls(pool);
  const { mode, keepsStatements, isPooled } = await inspect(settledPool);
  if (mode === 'statement') {
    throw new Error('DATABASE_URL leads through a pooler in statement mode. Set it to transaction or session mode.');
  }
  if (!direct) {
    if (mode === 'session') {
      return {
        ...{ pool: settledPool, direct: settledPool },
        keepsSession: true,
        keepsStatements,
        isDirectPooled: isPooled,
      };
    }
    throw new Error(
      'DATABASE_URL leads through a pooler in transaction mode. ' +
        `Set DATABASE_DIRECT_URL too, to ${KEEPS_SESSION}, or set this pooler to session mode.`,
    );
  }
  const settledDirect = await settleTls(direct);
  const directWay = await inspect(settledDirect);
  if (directWay.mode !== 'session') {
    throw new Error(
      `DATABASE_DIRECT_URL leads through a pooler in ${directWay.mode} mode. Set it to ${KEEPS_SESSION}.`,
    );
  }
  await requireOneDatabase(settledPool, settledDirect);
  return {
    ...{ pool: settledPool, direct: settledDirect },
    keepsSession: mode === 'session',
    keepsStatements,
    isDirectPooled: directWay.isPooled,
    gates: { pool: new Gate(), direct: new Gate() },
  };
}

function clientFor(connection: DatabaseConnection): DatabaseClient {
  const limits = { connectionTimeoutMillis: LIMIT, query_timeout: LIMIT };
  return new DatabaseClient({ ...connection, application_name: 'latchkey', ...limits });
}

/** Before anything is changed in either. Names and numbers would be the same in a copy: only what is announced is not. */
async function requireOneDatabase(pool: DatabaseConnection, direct: DatabaseConnection): Promise<void> {
  const [speaker, listener] = [clientFor(pool), clientFor(direct)];
  const channel = `latchkey_start_${randomUUID().replaceAll('-', '')}`;
  const heard = once(listener, 'notification');
  // The end of the connection is told by whoever asks something on it.
  heard.catch(() => undefined);
  try {
    await Promise.all([speaker.connect(), listener.connect()]);
    await listener.query(`LISTEN ${channel}`);
    const deadline = performance.now() + HEARD_WITHIN;
    do {
      if (performance.now() > deadline) throw new Error(`${TWO_DATABASES}.`);
      await speaker.query('SELECT pg_notify($1, $2)', [channel, '']);
    } while (!(await Promise.race([heard, sleep(50)])));
  } finally {
    await Promise.all([speaker.end(), listener.end()].map((ended) => ended.catch(() => undefined)));
  }
}

async function inspect(connection: DatabaseConnection): Promise<Way> {
  const one = clientFor(connection);
  const other = clientFor(connection);
  try {
    await one.connect();
    // A pooler makes up keys for canceling of its own.
    if ((one as unknown as { processID: number }).processID === (await sessionOf(one))) {
      return { mode: 'session', keepsStatements: true, isPooled: false };
    }
    await other.connect();
    return { ...(await inspectPooler(one, other)), isPooled: true };
  } finally {
    await Promise.all([one.end(), other.end()].map((ended) => ended.catch(() => undefined)));
  }
}

/** The number of the session of PostgreSQL that answers. A pooler takes the one that was given back last. */
async function sessionOf(client: DatabaseClient, statement?: string): Promise<number> {
  const query = { text: 'SELECT pg_backend_pid() AS pid', ...(statement !== undefined && { name: statement }) };
  const { rows } = await client.query<{ pid: number }>(query);
  return rows[0]?.pid ?? 0;
}

async function inspectPooler(one: DatabaseClient, other: DatabaseClient): Promise<Omit<Way, 'isPooled'>> {
  const statement = `latchkey ${randomUUID()}`;
  let mode: Mode = 'session';
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = await sessionOf(one);
    let keptStatement: boolean | undefined;
    try {
      // A statement that cannot even be prepared is not kept.
      const prepared = await sessionOf(one, statement).catch(() => undefined);
      await other.query('BEGIN');
      const held = await sessionOf(other);
      const after = await sessionOf(one);
      if (held === before || after !== before) mode = 'transaction';
      if (held === prepared)
        keptStatement = await sessionOf(one, statement).then(
          () => true,
          () => false,
        );
      if (prepared === undefined) keptStatement = false;
    } catch (error) {
      if (/statement pooling|transaction blocks not allowed/i.test(String(error))) {
        return { mode: 'statement', keepsStatements: false };
      }
      if (!(error instanceof Error) || error.message !== 'Query read timeout') throw error;
      throw new Error('The pooler has no second connection to PostgreSQL. Increase its pool size.', { cause: error });
    }
    await other.query('ROLLBACK');
    if (mode === 'transaction' && keptStatement !== undefined) return { mode, keepsStatements: keptStatement };
  }
  return { mode, keepsStatements: mode === 'session' };
}
