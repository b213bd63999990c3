import { Injectable, Logger } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { isLockTimeout } from '../errors/database-errors.js';
import { PARTITION_LOCK } from './locks.js';
import { longSql, sql } from './sql.js';

/** A table with a partition for each stretch of time. */
export interface PartitionedTable {
  table: string;
  /** The column that partitions are of. */
  time: string;
  /** For how many seconds rows are kept. */
  retention: number;
  /** The SQL condition for rows that are past, where they differ; without it, `retention` alone decides. */
  expired?: string;
  /** An SQL statement that a new partition wants. */
  prepare?: (partition: string) => string;
}

/** A partition, and its bounds in milliseconds since 1970. */
interface Partition {
  name: string;
  /** Null: from the beginning of time. */
  from: number | null;
  /** Null: of the default partition. */
  to: number | null;
}

/** What is to be made or dropped. */
interface Layout {
  now: number;
  partitions: Partition[];
}

const DAY = 86_400_000;
/** How far ahead there are partitions. */
const AHEAD = 7 * DAY;
/** For how many days a partition is, by how long rows are kept: they are not kept for much longer, and partitions are few. */
const daysOf = (retention: number) => (retention < 14 * 86_400 ? 1 : retention < 364 * 86_400 ? 7 : 28);
/** 1970 began on a Thursday. */
const THURSDAY_TO_MONDAY = 4 * DAY;
/** So many rows of the default partition are moved, or looked at, while others wait. */
const FEW = 10_000;
/** How long a statement waits for the lock of a table: everybody who comes later waits behind it. */
const LOCK_TIMEOUT = '2s';

/**
 * Makes partitions before they are needed, and drops those whose rows are all past. One replica at a time does, under an advisory
 * lock of the transaction; each partition is a transaction of its own. What comes when there is no partition for it goes to the default
 * one, and is moved from there if it is little.
 */
@Injectable()
export class Partitions {
  readonly tables: PartitionedTable[] = [];
  private readonly logger = new Logger('Partitions');

  constructor(private readonly dataSource: DataSource) {}

  add(table: PartitionedTable): void {
    this.tables.push(table);
  }

  /**
   * Makes what is missing and drops what is past. What others keep it from is done the next time.
   *
   * @throws the first failure, after all tables
   */
  async keep(): Promise<void> {
    const failures: unknown[] = [];
    for (const table of this.tables) {
      try {
        while (await this.makeNext(table));
        await this.dropPast(table);
      } catch (error) {
        if (isLockTimeout(error)) {
          this.logger.warn(
            `could not lock ${table.table} within ${LOCK_TIMEOUT}; partition maintenance will be retried`,
          );
        } else failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  /** @returns the partitions whose rows are deleted one by one: those that begin with time, and the default one */
  async loose({ table }: PartitionedTable): Promise<string[]> {
    const { partitions } = await layoutOf(this.dataSource.manager, table);
    return partitions.filter(({ from }) => from === null).map(({ name }) => name);
  }

  /** @returns whether there was one to make, and it was made */
  private async makeNext(table: PartitionedTable): Promise<boolean> {
    const layout = await layoutOf(this.dataSource.manager, table.table);
    const stretch = nextStretch(layout, table);
    if (!stretch) return false;
    const count = await countInDefault(this.dataSource.manager, table.table);
    if (count <= FEW) {
      return this.alone(table, stretch, async (tx) => {
        if (count > 0) await renewDefault(tx, table);
        await create(tx, table, stretch);
        await attach(tx, table, stretch);
        if (count > 0) await emptyOverflow(tx, table);
      });
    }
    // More than can be moved while others wait: it stays there, and partitions go on behind it.
    const later = nextStretch(layout, table, layout.now + 2 * DAY);
    return later ? this.makeBehind(table, later) : false;
  }

  /** Checks beside the traffic that the default partition has nothing of the new one, as PostgreSQL would while others wait. */
  private async makeBehind(table: PartitionedTable, stretch: Stretch): Promise<boolean> {
    const [theDefault, bound] = [`${table.table}_default`, `${table.table}_default_bound`];
    const drop = `ALTER TABLE ${theDefault} DROP CONSTRAINT IF EXISTS ${bound}`;
    const outside = `${table.time} < '${iso(stretch.from)}' OR ${table.time} >= '${iso(stretch.to)}'`;
    const made =
      (await this.alone(table, stretch, async (tx) => {
        await sql(tx, drop);
        await sql(tx, `ALTER TABLE ${theDefault} ADD CONSTRAINT ${bound} CHECK (${outside}) NOT VALID`);
      })) &&
      (await this.alone(table, stretch, async (tx) => {
        await longSql(tx, `ALTER TABLE ${theDefault} VALIDATE CONSTRAINT ${bound}`);
      })) &&
      (await this.alone(table, stretch, async (tx) => {
        await create(tx, table, stretch);
        await attach(tx, table, stretch);
        await sql(tx, drop);
      }));
    return made;
  }

  /** Each by itself: of an older one, made when rows were kept for longer, something may not be past yet. */
  private async dropPast(table: PartitionedTable): Promise<void> {
    const { partitions, now } = await layoutOf(this.dataSource.manager, table.table);
    const past = now - table.retention * 1_000;
    for (const partition of partitions.filter(({ to }) => to !== null && to <= past)) {
      await this.alone(table, partition, async (tx) => {
        if (table.expired !== undefined) {
          const statement = `SELECT 1 FROM ${partition.name} WHERE NOT (${table.expired}) LIMIT 1`;
          if ((await longSql(tx, statement)).length > 0) return;
        }
        await sql(tx, `DROP TABLE ${partition.name}`);
        this.logger.log(`dropped the partition ${partition.name}: all its rows have expired`);
      });
    }
  }

  /**
   * Works in a transaction, unless another replica is at it or was faster.
   *
   * @param at what is there, or is not, as the caller has seen it
   * @returns whether it was done
   */
  private alone(
    { table }: PartitionedTable,
    at: Partition | Stretch,
    work: (tx: EntityManager) => Promise<void>,
  ): Promise<boolean> {
    return this.dataSource.transaction(async (tx) => {
      const [lock] = await sql<{ held: boolean }>(tx, 'SELECT pg_try_advisory_xact_lock($1, $2) AS held', [
        ...PARTITION_LOCK,
      ]);
      if (!lock?.held) return false;
      await sql(tx, `SELECT set_config('lock_timeout', '${LOCK_TIMEOUT}', true)`);
      const isThere = (await layoutOf(tx, table)).partitions.some(({ to }) => to === at.to);
      if (isThere !== 'name' in at) return false;
      await work(tx);
      return true;
    });
  }
}

/** A stretch of time that has no partition. */
interface Stretch {
  from: number;
  to: number;
}

const iso = (time: number) => new Date(time).toISOString();
const nameOf = (table: string, { from }: Stretch) => `${table}_${iso(from).slice(0, 10).replaceAll('-', '')}`;

/** @returns the next stretch to make a partition for; undefined: there are enough */
function nextStretch({ now, partitions }: Layout, { retention }: PartitionedTable, earliest = 0): Stretch | undefined {
  const end = Math.max(...partitions.map(({ to }) => to ?? 0));
  if (end >= now + AHEAD) return undefined;
  // A stretch of days that nobody has made a partition for is left to the default one.
  const from = Math.max(end, floorTo(DAY, now), floorTo(DAY, earliest));
  const days = daysOf(retention);
  const start = days === 1 ? 0 : THURSDAY_TO_MONDAY;
  const to = start + floorTo(days * DAY, from - start) + days * DAY;
  return { from, to };
}

const floorTo = (step: number, time: number) => Math.floor(time / step) * step;

async function layoutOf(manager: EntityManager, table: string): Promise<Layout> {
  const rows = await sql<Partition & { now: number }>(
    manager,
    `SELECT name, extract(epoch FROM now())::float8 * 1000 AS now,
       extract(epoch FROM substring(bound FROM 'FROM \\(''([^'']+)''\\)')::timestamptz)::float8 * 1000 AS "from",
       extract(epoch FROM substring(bound FROM 'TO \\(''([^'']+)''\\)')::timestamptz)::float8 * 1000 AS "to"
     FROM (
       SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
       FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = $1::regclass
     ) p ORDER BY "to" NULLS LAST`,
    [table],
  );
  return { now: rows[0]?.now ?? 0, partitions: rows };
}

/** @returns how many rows the default partition has; of more than {@link FEW}, one more */
async function countInDefault(manager: EntityManager, table: string): Promise<number> {
  const [row] = await sql<{ count: number }>(
    manager,
    `SELECT count(*)::int AS count FROM (SELECT FROM ${table}_default LIMIT ${FEW + 1}) AS some_rows`,
  );
  return row?.count ?? 0;
}

/** A table that is not a partition yet: nobody waits for it. */
async function create(tx: EntityManager, { table, prepare }: PartitionedTable, stretch: Stretch): Promise<void> {
  const name = nameOf(table, stretch);
  await sql(tx, `CREATE TABLE ${name} (LIKE ${table}_default INCLUDING ALL)`);
  await sql(tx, `ALTER TABLE ${name} DROP CONSTRAINT IF EXISTS ${table}_default_bound`);
  if (prepare) await sql(tx, prepare(name));
}

/** Keeps nobody from reading and writing, but for the default partition. */
async function attach(tx: EntityManager, { table }: PartitionedTable, stretch: Stretch): Promise<void> {
  const [from, to] = [iso(stretch.from), iso(stretch.to)];
  await sql(
    tx,
    `ALTER TABLE ${table} ATTACH PARTITION ${nameOf(table, stretch)} FOR VALUES FROM ('${from}') TO ('${to}')`,
  );
}

/** Sets what the default partition has aside, and gives the table an empty one. */
async function renewDefault(tx: EntityManager, { table, prepare }: PartitionedTable): Promise<void> {
  const [overflow, empty] = [`${table}_overflow`, `${table}_default`];
  await sql(tx, `ALTER TABLE ${table} DETACH PARTITION ${empty}`);
  await sql(tx, `ALTER TABLE ${empty} RENAME TO ${overflow}`);
  await sql(tx, `CREATE TABLE ${empty} (LIKE ${overflow} INCLUDING ALL)`);
  if (prepare) await sql(tx, prepare(empty));
  await sql(tx, `ALTER TABLE ${table} ATTACH PARTITION ${empty} DEFAULT`);
}

/** Puts what was set aside where it belongs now. */
async function emptyOverflow(tx: EntityManager, { table }: PartitionedTable): Promise<void> {
  await sql(tx, `INSERT INTO ${table} SELECT * FROM ${table}_overflow`);
  await sql(tx, `DROP TABLE ${table}_overflow`);
}
