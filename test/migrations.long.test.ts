import { readdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource, type MigrationInterface, type QueryRunner } from 'typeorm';
import { migrations } from '../migrations/index.js';
import { ormOptions } from '../src/database/connection.js';
import { MIGRATION_LOCK } from '../src/database/locks.js';
import { migrate, migrationDataSource, migrationNames } from '../src/database/migrate.js';
import { createLogger } from '../src/logging/logger.js';
import { prepareSchema } from '../src/start.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { cleanUp, eventually, ServerProcess } from './support/process.js';
import { startServer, TEST_SECRET_KEY, testConfig } from './support/server.js';

type Entities = Function[]; // eslint-disable-line @typescript-eslint/no-unsafe-function-type -- so TypeORM calls classes

const databases: TestDatabase[] = [];
const dataSources: DataSource[] = [];

afterEach(async () => {
  await cleanUp();
  await Promise.all(dataSources.splice(0).map((dataSource) => dataSource.destroy()));
  await Promise.all(databases.splice(0).map((database) => database.drop()));
});

it('a migration that PostgreSQL ends, as it and others wait for each other, is tried again', async () => {
  const database = await newDatabase();
  await database.query('CREATE TABLE one (id int); CREATE TABLE other (id int)');
  let tries = 0;
  class Deadlocked9900000000000 implements MigrationInterface {
    name = 'Deadlocked9900000000000';
    async up(runner: QueryRunner): Promise<void> {
      tries += 1;
      await runner.query('SET LOCAL lock_timeout = 0');
      await runner.query(`SET LOCAL deadlock_timeout = '10ms'`);
      await runner.query('LOCK TABLE one');
      if (tries === 1) {
        // Holds the other table, and waits for the one that is held here.
        inTheWay = database.query('BEGIN; LOCK TABLE other; LOCK TABLE one; COMMIT');
        await eventually(async () => {
          const waiting = await database.query(
            `SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'one'::regclass`,
          );
          expect(waiting).toHaveLength(1);
        });
      }
      await runner.query('LOCK TABLE other');
    }
    async down(): Promise<void> {
      // Nothing was changed.
    }
  }
  let inTheWay: Promise<unknown> | undefined;
  await migrate(database.connection, { list: [...migrations, Deadlocked9900000000000] });
  await inTheWay;
  expect(tries).toBe(2);
});

describe('entities and migrations', () => {
  let entities: Entities;

  beforeAll(async () => {
    entities = await allEntities();
  });

  it('are of one mind: the schema builder would change nothing in a migrated database', async () => {
    const database = await newDatabase();
    expect(await wantedChanges(database, entities)).toEqual([]);
  });

  it('know the same tables', async () => {
    const database = await newDatabase();
    const tables = await database.query<{ name: string }>(
      `SELECT relname AS name FROM pg_class
       WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'migrations'`,
    );
    const dataSource = await connect(new DataSource({ ...ormOptions(database.connection), entities }));
    const known = dataSource.entityMetadatas.map((metadata) => metadata.tableName);
    expect(known.sort()).toEqual(tables.map(({ name }) => name).sort());
  });

  it.each([
    ['a dropped column', 'ALTER TABLE sessions DROP COLUMN revoked_at', /ADD "revoked_at"/],
    ['a column too many', 'ALTER TABLE accounts ADD COLUMN shoe_size integer', /DROP COLUMN "shoe_size"/],
    ['another type', 'ALTER TABLE attempt_limits ALTER COLUMN count TYPE bigint', /"count"/],
    ['a column that may be null', 'ALTER TABLE tokens ALTER COLUMN kind DROP NOT NULL', /"kind" SET NOT NULL/],
    ['a dropped index', 'DROP INDEX sessions_account_id_idx', /CREATE INDEX "sessions_account_id_idx"/],
    [
      'a dropped foreign key',
      'ALTER TABLE sessions DROP CONSTRAINT sessions_account_id_fkey',
      /ADD CONSTRAINT "sessions_account_id_fkey"/,
    ],
  ])('would be caught disagreeing about %s', async (_what, statement, change) => {
    const database = await newDatabase();
    await database.query(statement);
    expect((await wantedChanges(database, entities)).join('\n')).toMatch(change);
  });
});

describe('the migrations', () => {
  it('are those in the folder, oldest first', () => {
    const files = readdirSync(resolve('migrations')).filter((name) => /^\d/.test(name));
    const numbers = files.sort().map((name) => /^\d+/.exec(name)?.[0]);
    expect(migrationNames.map((name) => /\d+$/.exec(name)?.[0])).toEqual(numbers);
    expect(migrations.map((migration) => new migration().name)).toEqual(migrationNames);
  });

  it('each go forward, back and forward again, and leave the same schema each time', async () => {
    const database = await newDatabase({ empty: true });
    const dumps = [await dump(database)];
    for (let count = 1; count <= migrations.length; count++) {
      await forward(database, count);
      dumps.push(await dump(database));
    }
    // Every one has changed something, or the comparisons below would say nothing; but for one that only reports.
    expect(new Set(dumps.map((lines) => lines.join('\n'))).size).toBe(migrations.length);

    for (let count = migrations.length - 1; count >= 0; count--) {
      await back(database);
      expect(await dump(database)).toEqual(dumps[count]);
    }
    expect(await database.query('SELECT name FROM migrations')).toEqual([]);

    for (let count = 1; count <= migrations.length; count++) {
      await forward(database, count);
      await back(database);
      await forward(database, count);
      expect(await dump(database)).toEqual(dumps[count]);
    }
  });

  it('leave nothing of ours behind when all are taken back', async () => {
    const database = await newDatabase({ empty: true });
    const empty = await dump(database);
    expect(empty).toEqual(['schema public']);
    await migrate(database.connection);
    expect((await dump(database)).length).toBeGreaterThan(50);
    for (let count = migrations.length; count > 0; count--) await back(database);
    expect(await dump(database)).toEqual(empty);
  });

  it('are made once when five replicas start at once on an empty database', async () => {
    const database = await newDatabase({ empty: true });
    await Promise.all(Array.from({ length: 5 }, () => migrate(database.connection)));
    const applied = await database.query<{ name: string }>('SELECT name FROM migrations ORDER BY id');
    expect(applied.map(({ name }) => name)).toEqual(migrationNames);
    const template = await newDatabase();
    expect(await dump(database)).toEqual(await dump(template));
    expect(await heldLocks(database)).toEqual([]);
  });

  it('wait for the one that migrates, and then find nothing left to do', async () => {
    const database = await newDatabase({ empty: true });
    const other = await connect(migrationDataSource(database.connection));
    await other.query('SELECT pg_advisory_lock($1, $2)', [...MIGRATION_LOCK]);
    const order: string[] = [];
    const onWait = (forWhat: string) => order.push(`waits for ${forWhat}`);
    const waiting = migrate(database.connection, { onWait }).then(() => order.push('migrated'));
    await eventually(() => {
      expect(order).toEqual(['waits for another process that migrates the database']);
    });
    expect(await database.query(`SELECT to_regclass('accounts') AS found`)).toEqual([{ found: null }]);
    order.push('given back');
    await other.query('SELECT pg_advisory_unlock($1, $2)', [...MIGRATION_LOCK]);
    await waiting;
    expect(order.slice(1)).toEqual(['given back', 'migrated']);
  });

  it('leave nothing behind when they fail, and are made when the cause is gone', async () => {
    const database = await newDatabase({ empty: true });
    // In the way of the second statement of the second migration.
    await database.query('CREATE TABLE password_resets (in_the_way integer)');
    await expect(migrate(database.connection)).rejects.toThrow(
      `${migrationNames[1]}: relation "password_resets" already exists`,
    );
    expect(await database.query('SELECT name FROM migrations ORDER BY id')).toEqual([{ name: migrationNames[0] }]);
    const tables = await database.query(
      `SELECT to_regclass('accounts') AS first, to_regclass('sessions') AS second, to_regclass('tokens') AS later`,
    );
    expect(tables).toEqual([{ first: 'accounts', second: null, later: null }]);
    expect(await heldLocks(database)).toEqual([]);

    await database.query('DROP TABLE password_resets');
    await migrate(database.connection);
    const template = await newDatabase();
    expect(await dump(database)).toEqual(await dump(template));
  });

  it('leave a schema as it was when their own code fails half-way', async () => {
    const database = await newDatabase();
    const before = await dump(database);
    const dataSource = await connect(migrationDataSource(database.connection, [...migrations, HalfWay1999999999999]));
    await expect(dataSource.runMigrations()).rejects.toThrow('HalfWay1999999999999: half-way');
    expect(await dump(database)).toEqual(before);
    const applied = await database.query<{ name: string }>('SELECT name FROM migrations ORDER BY id');
    expect(applied.map(({ name }) => name)).toEqual(migrationNames);
  });
});

describe('a server', () => {
  it('is not ready while a migration is missing', async () => {
    const database = await newDatabase();
    const server = await startServer(database.connection);
    try {
      expect((await server.call('GET', '/readyz')).status).toBe(200);
      const newest = migrationNames.at(-1);
      await database.query('DELETE FROM migrations WHERE name = $1', [newest]);
      const answer = await server.call('GET', '/readyz');
      expect(answer.status).toBe(503);
      expect(JSON.stringify(answer.body)).toContain('not migrated');
      expect((await server.call('GET', '/healthz')).status).toBe(200);
      await database.query('INSERT INTO migrations (timestamp, name) VALUES (0, $1)', [newest]);
      expect((await server.call('GET', '/readyz')).status).toBe(200);
    } finally {
      await server.close();
    }
  });

  it('stays ready when a newer one has migrated further', async () => {
    const database = await newDatabase();
    const server = await startServer(database.connection);
    try {
      await database.query(`INSERT INTO migrations (timestamp, name) VALUES (1, 'OfTomorrow1999999999999')`);
      expect((await server.call('GET', '/readyz')).status).toBe(200);
    } finally {
      await server.close();
    }
  });

  it('that may not migrate waits until another has', async () => {
    const database = await newDatabase({ empty: true });
    const lines: string[] = [];
    const logger = createLogger('info', { write: (line) => lines.push(line) });
    const order: string[] = [];
    const waiting = prepareSchema(testConfig({ runMigrations: false }), database.connection, logger).then(() =>
      order.push('prepared'),
    );
    await eventually(() => {
      expect(lines.join('')).toContain('waiting for the database');
    });
    expect(await dump(database)).toEqual(['schema public']);
    // All but the last are not enough.
    for (let count = 1; count < migrations.length; count++) await forward(database, count);
    const stopped = new AbortController();
    const stillWaiting = prepareSchema(
      testConfig({ runMigrations: false }),
      database.connection,
      logger,
      stopped.signal,
    );
    await eventually(() => {
      expect(lines.filter((line) => line.includes('waiting for the database'))).toHaveLength(2);
    });
    expect(order).toEqual([]);
    const reason = new Error('stopped');
    stopped.abort(reason);
    await expect(stillWaiting).rejects.toBe(reason);

    order.push('migrated');
    await migrate(database.connection);
    await waiting;
    expect(order).toEqual(['migrated', 'prepared']);
  });
});

describe('the migrate command', () => {
  it('migrates, whatever RUN_MIGRATIONS says, and lets a server in that waits for it', async () => {
    const database = await newDatabase({ empty: true });
    const env = { DATABASE_URL: urlOf(database), SECRET_KEY: TEST_SECRET_KEY, RUN_MIGRATIONS: 'false' };
    const server = await ServerProcess.start(env);
    await eventually(() => {
      expect(server.output).toContain('waiting for the database: ');
    });
    expect(await runMigrate(env)).toEqual({ code: 0, output: 'The database is up to date.\n' });
    const template = await newDatabase();
    expect(await dump(database)).toEqual(await dump(template));
    await server.ready();
    // Nothing is left to do, which is no failure.
    expect(await runMigrate(env)).toEqual({ code: 0, output: 'The database is up to date.\n' });
    expect((await server.stop()).code).toBe(0);
  });

  it('fails, and says why, when it cannot', async () => {
    const database = await newDatabase({ empty: true });
    await database.query('CREATE TABLE password_resets (in_the_way integer)');
    const env = { DATABASE_URL: urlOf(database), SECRET_KEY: TEST_SECRET_KEY };
    const [withoutUrl, withoutKey, inTheWay] = await Promise.all([
      runMigrate({}),
      runMigrate({ DATABASE_URL: env.DATABASE_URL }),
      runMigrate(env),
    ]);
    expect(withoutUrl.output).toMatch(/^Set DATABASE_URL\..*\n$/);
    expect(withoutKey.output).toContain('SECRET_KEY (or SECRET_KEY_FILE) must be set when DATABASE_URL is set');
    expect(inTheWay.output).toBe(`${migrationNames[1]}: relation "password_resets" already exists\n`);
    expect([withoutUrl.code, withoutKey.code, inTheWay.code]).toEqual([1, 1, 1]);
  });
});

async function runMigrate(env: Record<string, string>): Promise<{ code: number | null; output: string }> {
  const command = [process.execPath, resolve('dist/src/commands/migrate.js')];
  const migrating = await ServerProcess.start(env, { command });
  const { code } = await migrating.exited;
  return { code, output: migrating.output };
}

function urlOf({ connection }: TestDatabase): string {
  const { user, password, host, port, database } = connection;
  return `postgres://${user}:${encodeURIComponent(password)}@${encodeURIComponent(host)}:${port}/${database}`;
}

class HalfWay1999999999999 implements MigrationInterface {
  name = 'HalfWay1999999999999';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE half_made (id integer); ALTER TABLE accounts DROP COLUMN role');
    throw new Error('half-way');
  }
  down = () => Promise.resolve();
}

async function newDatabase(options: { empty?: boolean } = {}): Promise<TestDatabase> {
  const database = await createDatabase(options);
  databases.push(database);
  return database;
}

async function connect(dataSource: DataSource): Promise<DataSource> {
  await dataSource.initialize();
  dataSources.push(dataSource);
  return dataSource;
}

/** What the files named `*.entity.ts` export. */
async function allEntities(): Promise<Entities> {
  const files = readdirSync(resolve('src'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.entity.ts'),
  );
  const modules = await Promise.all(
    files.map(async (name) => {
      const module = (await import(join('..', 'src', name.replace(/\.ts$/, '.js')))) as Record<string, unknown>;
      const classes = Object.values(module).filter((value) => typeof value === 'function');
      if (classes.length === 0) throw new Error(`${basename(name)} exports no entity.`);
      return classes;
    }),
  );
  return modules.flat();
}

/** The statements by which TypeORM would make the schema fit the entities. */
async function wantedChanges(database: TestDatabase, entities: Entities): Promise<string[]> {
  const dataSource = await connect(new DataSource({ ...ormOptions(database.connection), entities }));
  const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
  return upQueries.map(({ query }) => query);
}

async function forward(database: TestDatabase, count: number): Promise<void> {
  const dataSource = await migrationDataSource(database.connection, migrations.slice(0, count)).initialize();
  try {
    expect(await dataSource.runMigrations()).toHaveLength(1);
  } finally {
    await dataSource.destroy();
  }
}

async function back(database: TestDatabase): Promise<void> {
  const dataSource = await migrationDataSource(database.connection).initialize();
  try {
    await dataSource.undoLastMigration();
  } finally {
    await dataSource.destroy();
  }
}

function heldLocks(database: TestDatabase): Promise<{ granted: boolean }[]> {
  return database.query<{ granted: boolean }>(
    `SELECT granted FROM pg_locks l JOIN pg_database d ON d.oid = l.database
     WHERE locktype = 'advisory' AND datname = current_database()`,
  );
}

/** Everything in the database that a migration can make, one line each; but TypeORM's own table. */
async function dump(database: TestDatabase): Promise<string[]> {
  const rows = await database.query<{ line: string }>(`
    WITH ours AS (SELECT oid, nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$)'),
    relations AS (
      SELECT c.* FROM pg_class c JOIN ours ON ours.oid = c.relnamespace WHERE c.relname !~ '^migrations(_id_seq)?$'
    )
    SELECT 'schema ' || nspname AS line FROM ours
    UNION ALL
    SELECT format('relation %s %s %s', relname, relkind, reloptions) FROM relations WHERE relname !~ '^PK_'
    UNION ALL
    SELECT format('column %s.%s: %s, not null %s, default %s, identity %s, generated %s, place %s',
      r.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid),
      a.attidentity, a.attgenerated, row_number() OVER (PARTITION BY r.oid ORDER BY a.attnum))
    FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE r.relkind NOT IN ('i', 'S')
    UNION ALL
    SELECT format('constraint %s on %s: %s', c.conname, r.relname, pg_get_constraintdef(c.oid))
    FROM pg_constraint c JOIN relations r ON r.oid = c.conrelid
    UNION ALL
    SELECT 'index ' || pg_get_indexdef(r.oid) FROM relations r WHERE r.relkind = 'i' AND r.relname !~ '^PK_'
    UNION ALL
    SELECT 'trigger ' || pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN relations r ON r.oid = t.tgrelid
    WHERE NOT t.tgisinternal
    UNION ALL
    SELECT 'function ' || pg_get_functiondef(p.oid) FROM pg_proc p JOIN ours ON ours.oid = p.pronamespace
    WHERE p.prokind IN ('f', 'p')
    UNION ALL
    SELECT format('type %s %s', t.typname, t.typtype) FROM pg_type t JOIN ours ON ours.oid = t.typnamespace
    WHERE t.typtype NOT IN ('c', 'b')
    UNION ALL
    SELECT 'extension ' || extname FROM pg_extension WHERE extname <> 'plpgsql'
    ORDER BY 1`);
  return rows.map(({ line }) => line);
}
