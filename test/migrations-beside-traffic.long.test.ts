import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import pg from 'pg';
import { migrations } from '../migrations/index.js';
import { migrate, migrationDataSource, migrationNames } from '../src/database/migrate.js';
import { createDatabase, type TestDatabase } from './support/database.js';

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase({ empty: true });
});

afterAll(() => database.drop());

async function tables(): Promise<string[]> {
  const rows = await database.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
       AND relname <> 'migrations' ORDER BY relname`,
  );
  return rows.map(({ name }) => name);
}

async function applied(): Promise<number> {
  const [row] = await database.query<{ count: string }>('SELECT count(*) AS count FROM migrations');
  return Number(row?.count);
}

/** Asks of each table, again and again, as requests of the previous release do: within their limit, or they fail. */
class Traffic {
  readonly failures: string[] = [];
  private stopped = false;
  private readonly ended: Promise<unknown>;

  constructor(names: string[]) {
    this.ended = Promise.all(
      names.flatMap((name) => [
        this.run(`SELECT 1 FROM ${name} LIMIT 1`),
        // Takes the lock of a writer, and writes nothing.
        this.run(`DELETE FROM ${name} WHERE false`),
      ]),
    );
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.ended;
  }

  private async run(statement: string): Promise<void> {
    const client = new pg.Client({ ...database.connection, statement_timeout: 2_300 });
    await client.connect();
    while (!this.stopped) {
      await client.query(statement).catch((error: unknown) => this.failures.push(`${statement}: ${String(error)}`));
      await sleep(20);
    }
    await client.end();
  }
}

it.each(migrationNames.map((name, index) => [name, index] as const))(
  '%s keeps nobody from reading and writing while a reader and a writer stay in the way',
  async (_name, index) => {
    const dataSource = await migrationDataSource(database.connection, migrations.slice(0, index)).initialize();
    await dataSource.runMigrations();
    await dataSource.destroy();
    const names = await tables();
    const inTheWay =
      names.length === 0
        ? []
        : [
            await database.hold(`LOCK TABLE ${names.join(', ')} IN ACCESS SHARE MODE`),
            await database.hold(`LOCK TABLE ${names.join(', ')} IN ROW EXCLUSIVE MODE`),
          ];
    const traffic = new Traffic(names);
    const waits: string[] = [];
    const migrated = migrate(database.connection, {
      list: migrations.slice(0, index + 1),
      onWait: (forWhat) => waits.push(forWhat),
    });
    // Until it has let go and tried again, has built what it builds but for those in its way, or is done.
    await Promise.race([migrated, sleep(4_500)]);
    expect(traffic.failures).toEqual([]);
    for (const holder of inTheWay) await holder.end();
    await migrated;
    await traffic.stop();
    expect(traffic.failures).toEqual([]);
    expect(await applied()).toBe(index + 1);
    expect(waits.filter((what) => !what.startsWith('the lock of a table'))).toEqual([]);
  },
);
