import type pg from 'pg';
import { Batch } from './batch.js';
import type { PreparedStatement, Statements } from './statements.service.js';

type Placed<Row> = Row & { place: number };

/** Looks up at once, by one prepared statement, what many look for at the same moment. Each finds one row at most. */
export class LookUps<Key, Row extends pg.QueryResultRow> {
  private readonly batch: Batch<Key, Placed<Row> | undefined>;

  /**
   * @param statement its rows have the `place` of what they were found for, from 1; see {@link wanted}
   * @param valuesOf its values, in which each key has the same place
   */
  constructor(statements: Statements, statement: PreparedStatement, valuesOf: (keys: Key[]) => unknown[][]) {
    this.batch = new Batch(async (keys) => {
      const found = new Array<Placed<Row> | undefined>(keys.length).fill(undefined);
      for (const row of await statements.run<Placed<Row>>(statement, valuesOf(keys))) found[row.place - 1] = row;
      return found;
    });
  }

  /** @returns the row, with its place among those that were looked up at once: to take it out would take a copy of each */
  find(key: Key): Promise<Placed<Row> | undefined> {
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
