import { statfs } from 'node:fs/promises';
import type { Config } from '../config/config.js';
import type { DatabaseConnection } from '../config/database-url.js';
import { DatabaseClient } from '../database/clients.js';
import type { DatabaseAccess } from '../database/connection.js';
import { settleTls } from '../database/hosts.js';
import { mostConnections } from '../database/most-connections.js';
import type { DatabaseVariable } from '../database/connection-problems.js';
import { APPLIED, migrationNames, WRITABILITY, type Writability } from '../database/migrate.js';
import { failure, ok, warning, type Finding } from './doctor.finding.js';

const LIMIT = 5_000;
/** By how many seconds clocks may differ. */
const CLOCKS = 5;
const MIB = 1_048_576;

/** Runs some statements on a connection of their own. */
export async function withClient<T>(
  connection: DatabaseConnection,
  work: (client: DatabaseClient) => Promise<T>,
): Promise<T> {
  const limits = { connectionTimeoutMillis: LIMIT, query_timeout: LIMIT };
  const client = new DatabaseClient({
    ...(await settleTls(connection)),
    application_name: 'latchkey doctor',
    ...limits,
  });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function one<Row extends object>(
  client: DatabaseClient,
  statement: string,
  values: unknown[] = [],
): Promise<Row> {
  const { rows } = await client.query<Row>(statement, values);
  if (!rows[0]) throw new Error('The database returned no rows.');
  return rows[0];
}

/** What the server is, and how it is set. */
export async function checkServer(client: DatabaseClient, config: Config): Promise<Finding[]> {
  const is = await one<{
    version: number;
    name: string;
    encoding: string;
    zone: string;
    isolation: string;
    commit: string;
    fsync: string;
    most: number;
    used: number;
  }>(
    client,
    `SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS name,
       current_setting('server_encoding') AS encoding, current_setting('TimeZone') AS zone,
       current_setting('default_transaction_isolation') AS isolation, current_setting('synchronous_commit') AS commit,
       current_setting('fsync') AS fsync, current_setting('max_connections')::int AS most,
       (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend') AS used`,
  );
  const needed = mostConnections(config);
  return [
    is.version < 150_000
      ? failure('version', `PostgreSQL ${is.name} is too old.`, 'Upgrade it to PostgreSQL 15 or later.')
      : ok('version', `PostgreSQL ${is.name}.`),
    is.encoding === 'UTF8'
      ? ok('encoding', 'UTF8.')
      : failure('encoding', `The encoding of the database is ${is.encoding}.`, 'Make a database with ENCODING UTF8.'),
    ok('time zone', `${is.zone}. Times are stored with their zone, so any will do.`),
    is.isolation === 'read committed'
      ? ok('isolation', 'read committed.')
      : failure(
          'isolation',
          `default_transaction_isolation is ${is.isolation}.`,
          `Set it to 'read committed' for the database and the role (ALTER DATABASE … SET, ALTER ROLE … SET).`,
        ),
    is.commit === 'off' || is.fsync === 'off'
      ? failure(
          'durability',
          `${is.fsync === 'off' ? 'fsync' : 'synchronous_commit'} is off: a crash may undo a revocation that was answered.`,
          'Set fsync and synchronous_commit to on.',
        )
      : ok('durability', `synchronous_commit is ${is.commit}.`),
    is.most - is.used < needed / 2
      ? warning(
          'connections',
          `${is.used} of ${is.most} are used, and each replica takes up to ${needed}.`,
          'Raise max_connections, lower DATABASE_POOL_SIZE, or put a pooler in between (docs/operations.md).',
        )
      : ok('connections', `${is.used} of ${is.most} are used; each replica takes up to ${needed}.`),
  ];
}

/** @param variable where its URL is from */
export async function checkWritable(client: DatabaseClient, variable: DatabaseVariable): Promise<Finding> {
  const { isReadOnly, isStandby } = await one<Writability>(client, `SELECT ${WRITABILITY}`);
  return isReadOnly
    ? failure(
        'writable',
        `${variable} leads to a ${isStandby ? 'standby' : 'read-only database'}.`,
        `Point ${variable} at the primary, for example by naming all hosts.`,
      )
    : ok('writable', 'It accepts changes.');
}

/** Whether the role may do what a server does. */
export async function checkPrivileges(client: DatabaseClient, { runMigrations, database }: Config): Promise<Finding> {
  const check = 'privileges';
  const { role, isSuper, mayCreate, missing } = await one<{
    role: string;
    isSuper: boolean;
    mayCreate: boolean;
    missing: string | null;
  }>(
    client,
    `SELECT current_user AS role, (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS "isSuper",
       has_schema_privilege(current_schema(), 'CREATE') AS "mayCreate",
       (SELECT string_agg(relname, ', ' ORDER BY relname) FROM pg_class c
        WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT (
          has_table_privilege(c.oid, 'SELECT') AND (relname = 'migrations' OR (has_table_privilege(c.oid, 'INSERT')
          AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'))))) AS missing`,
  );
  if (missing !== null) {
    const grant = `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${role}`;
    return failure(check, `The role ${role} may not use these tables: ${missing}.`, `As their owner, run: ${grant}`);
  }
  if (!mayCreate && runMigrations) {
    return failure(
      check,
      `The role ${role} may not create tables.`,
      'Let it, or set RUN_MIGRATIONS=false and migrate as another role.',
    );
  }
  return isSuper && database !== undefined
    ? warning(
        check,
        `The role ${role} is a superuser.`,
        'Give Latchkey a role of its own, which owns its database and nothing else.',
      )
    : ok(check, `The role ${role} may do what it has to.`);
}

export async function checkMigrations(client: DatabaseClient): Promise<Finding> {
  const check = 'migrations';
  const advice = 'Run latchkey migrate, or start a server with RUN_MIGRATIONS=true.';
  const { there } = await one<{ there: boolean }>(client, `SELECT to_regclass('migrations') IS NOT NULL AS there`);
  if (!there) return failure(check, 'The database is empty.', advice);
  const { count } = await one<{ count: string }>(client, APPLIED, [migrationNames]);
  const { others } = await one<{ others: number }>(
    client,
    'SELECT count(*)::int AS others FROM migrations WHERE NOT name = ANY ($1)',
    [migrationNames],
  );
  const pending = migrationNames.length - Number(count);
  if (pending > 0) return failure(check, `${pending} of ${migrationNames.length} are not applied.`, advice);
  return others > 0
    ? warning(
        check,
        `All of this release are applied, and ${others} of a later one.`,
        'Finish the upgrade: use the later release everywhere.',
      )
    : ok(check, `All ${migrationNames.length} are applied.`);
}

/** The process's clock against the database's, which decides. */
export async function checkClock(client: DatabaseClient): Promise<Finding> {
  const before = Date.now();
  const { now } = await one<{ now: number }>(
    client,
    'SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS now',
  );
  const apart = Math.round((before + Date.now()) / 2 - now) / 1_000;
  const how = `This machine's clock is ${Math.abs(apart).toFixed(1)} s ${apart < 0 ? 'behind' : 'ahead of'} the database's.`;
  return Math.abs(apart) > CLOCKS
    ? failure(
        'clock',
        how,
        'Let NTP set both clocks. The database decides what has expired, services elsewhere by theirs.',
      )
    : ok('clock', how);
}

/** How large the database is and, where that can be seen, what room is left. */
export async function checkDisk(client: DatabaseClient, config: Config): Promise<Finding> {
  const { size } = await one<{ size: number }>(client, 'SELECT pg_database_size(current_database())::float8 AS size');
  const is = `The database uses ${mib(size)}.`;
  if (config.database !== undefined) {
    return ok('disk', `${is} Free space on its server cannot be seen from here: monitor it there.`);
  }
  const { bavail, bsize, blocks } = await statfs(config.dataDir);
  const free = bavail * bsize;
  const how = `${is} ${mib(free)} are free on its disk.`;
  return free < 1_024 * MIB || bavail < blocks / 20
    ? warning('disk', how, 'Make room: when the disk is full, nothing can be changed or revoked any more.')
    : ok('disk', how);
}

const mib = (bytes: number) => `${Math.round(bytes / MIB).toLocaleString('en')} MiB`;

/** What stands between this process and PostgreSQL. */
export function checkAccess({ keepsSession, keepsStatements, isDirectPooled, gates }: DatabaseAccess): Finding[] {
  const mode = keepsSession ? 'session' : 'transaction';
  const pooler =
    keepsSession && !isDirectPooled
      ? ok('pooler', 'None, or one that gives each connection a session.')
      : ok('pooler', `One in ${mode} mode${keepsStatements ? '' : ', which keeps no named statements'}.`);
  const through = isDirectPooled ? ', through a pooler in session mode' : ', and keeps its session';
  const direct = gates
    ? ok('direct connection', `DATABASE_DIRECT_URL leads to the same database${through}.`)
    : ok('direct connection', 'DATABASE_URL keeps its session, so DATABASE_DIRECT_URL is not needed.');
  return [pooler, direct];
}
