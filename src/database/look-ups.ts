import type pg from 'pg';
import { Batch } from './batch.js';
import type { PreparedStatement, Statements } from './statements.service.js';

/** Looks up at once, by one prepared statement, what many look for at the same moment. Each finds one row at most. */
export class LookUps<Key, Row extends pg.QueryResultRow> {
  private readonly batch: Batch<Key, Row | undefined>;

  /**
   * @param statement its rows have the `place` of what they were found for, from 1; see {@link wanted}
   * @param valuesOf its values, in which each key has the same place
   */
  constructor(statements: Statements, statement: PreparedStatement, valuesOf: (keys: Key[]) => unknown[][]) {
    this.batch = new Batch(async (keys) => {
      const found = new Array<Row | undefined>(keys.length).fill(undefined);
      const rows = await statements.run<Row & { place: number }>(statement, valuesOf(keys));
      for (const { place, ...row } of rows) found[place - 1] = row as unknown as Row;
      return found;
    });
  }

  find(key: Key): Promise<Row | undefined> {
    return this.batch.add(key);
  }
}

/**
 * The arrays `$1`, `$2`, … as a table `w` of so many columns and a `place`. From sub-queries: PostgreSQL would otherwise plan each
 * statement anew, as it takes arrays that it can count to be cheaper than those that it cannot.
 */
export function wanted(columns: Record<string, string>): string {
  const arrays = Object.values(columns).map((type, index) => `(SELECT $${index + 1}::${type}[])`);
  return `unnest(${arrays.join(', ')}) WITH ORDINALITY AS w (${[...Object.keys(columns), 'place'].join(', ')})`;
}
