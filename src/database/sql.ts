import type pg from 'pg';
import type { EntityManager } from 'typeorm';
import { extendDeadline } from './deadline.js';

/**
 * Runs one statement.
 *
 * @param manager the pool's manager, or a transaction's
 * @param parameters values for `$1`, `$2`, …
 * @returns the rows that it selects or returns
 * @throws QueryFailedError
 */
export async function sql<Row = unknown>(
  manager: EntityManager,
  statement: string,
  parameters: unknown[] = [],
): Promise<Row[]> {
  const result = await manager.query<unknown[]>(statement, parameters);
  // TypeORM returns [rows, count] for UPDATE and DELETE, and the rows for everything else.
  return (Array.isArray(result[0]) && typeof result[1] === 'number' ? result[0] : result) as Row[];
}

/** How long a statement of {@link longSql} may take, in milliseconds. */
const LONG = 60_000;

/** An SQL expression that raises the server's timeout for later statements of the transaction; see {@link longSql}. */
export const ALLOW_LONG = `set_config('statement_timeout', '${LONG}', true)`;

/**
 * Like {@link sql}, for the few statements that may take long, such as a deletion that cascades to a million rows.
 *
 * @param tx a transaction's manager
 * @param options.isAllowed an earlier statement of the transaction has selected {@link ALLOW_LONG}
 */
export async function longSql<Row extends pg.QueryResultRow>(
  tx: EntityManager,
  statement: string,
  parameters: unknown[] = [],
  options: { isAllowed?: boolean } = {},
): Promise<Row[]> {
  if (!tx.queryRunner) throw new Error('A statement that may take long needs a transaction.');
  if (options.isAllowed !== true) await sql(tx, `SELECT ${ALLOW_LONG}`);
  extendDeadline(LONG);
  const client = (await tx.queryRunner.connect()) as pg.ClientBase;
  // Overrides the client's own timeout.
  const query = { text: statement, values: parameters, query_timeout: LONG + 1_000 };
  return (await client.query<Row>(query)).rows;
}
