import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { poolOptions } from '../src/database/connection.js';
import { extendDeadline, withDeadline } from '../src/database/deadline.js';
import { createDatabase, type TestDatabase } from './support/database.js';

/** Far longer than anything here takes. In milliseconds. */
const LONG = 30_000;

let database: TestDatabase;
let dataSource: DataSource;

beforeAll(async () => {
  database = await createDatabase({ empty: true });
});

beforeEach(async () => {
  // One connection, which all of them share.
  const options = { size: 1, connectTimeout: LONG, keepsSession: true, onError: () => undefined };
  dataSource = await new DataSource(poolOptions(database.connection, options)).initialize();
});

afterEach(() => dataSource.destroy());

afterAll(() => database.drop());

const ask = (statement = 'SELECT 1 AS one') => dataSource.query<unknown[]>(statement);
const answers = (count: number) => Promise.all(Array.from({ length: count }, () => withDeadline(LONG, () => ask())));

async function endConnection(): Promise<void> {
  await database.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'latchkey'`,
  );
}

it('a request whose time has passed costs nobody else theirs who waits for the connection that it has made', async () => {
  await endConnection();
  // The first statement may meet the connection that has just been ended.
  await ask().catch(() => undefined);
  await endConnection();
  await withDeadline(LONG, async () => {
    await ask().catch(() => ask());
    extendDeadline(-LONG);
  });
  const holder = withDeadline(LONG, () => ask('SELECT pg_sleep(60)')).catch(() => 'lost');
  const waiting = answers(5);
  await endConnection();
  expect(await holder).toBe('lost');
  expect(await waiting).toEqual(Array(5).fill([{ one: 1 }]));
});

it('a connection whose answer does not come in time is handed to nobody', async () => {
  const [before] = await ask('SELECT pg_backend_pid() AS pid');
  const slow = withDeadline(600, () => ask('SELECT pg_sleep(2)')).catch((error: unknown) => String(error));
  const waiting = withDeadline(LONG, () => ask('SELECT pg_backend_pid() AS pid'));
  expect(await slow).toContain('Query read timeout');
  expect(await waiting).not.toEqual([before]);
});

it('a request that has no time left asks nothing, and leaves the connection as it is', async () => {
  const [before] = await ask('SELECT pg_backend_pid() AS pid');
  await expect(withDeadline(100, () => ask())).rejects.toThrow('The request has taken too long.');
  expect(await ask('SELECT pg_backend_pid() AS pid')).toEqual([before]);
});

it('an error of a statement leads to whoever asked', async () => {
  const askBadly = async () => {
    await ask('SELECT 1 / 0');
  };
  const error = await withDeadline(LONG, askBadly).catch((error: unknown) => error as Error);
  expect(error).toMatchObject({ driverError: { message: 'division by zero', code: '22012' } });
  const { driverError } = error as Error & { driverError: Error };
  expect(driverError.stack).toMatch(/sendOnce.*clients\.ts/);
  expect(driverError.stack).not.toMatch(/node_modules\/pg/);
});
