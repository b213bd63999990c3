import type pg from 'pg';
import { Batch } from './batch.js';
import type { PreparedStatement, Statements } from './statements.service.js';

/** A row with the place, from 1, of what it is of among all that was asked at once. */
export type Placed<Row> = Row & { place: number };

/** Looks up at once, by one prepared statement, what many look for at the same moment. Each finds one row at most. */
export class LookUps<Key, Row extends pg.QueryResultRow> {
  private readonly batch: Batch<Key, Placed<Row> | undefined>;

  /**
   * @param statement its rows have the `place` of what they were found for, from 1; see {@link wanted}
   * @param valuesOf its values, in which each key has the same place
   */
  constructor(statements: Statements, statement: PreparedStatement, valuesOf: (keys: Key[]) => unknown[][]) {
    this.batch = new Batch(async (keys) => {
      return inPlaces(await statements.run<Placed<Row>>(statement, valuesOf(keys)), keys.length);
    });
  }

  find(key: Key): Promise<Placed<Row> | undefined> {
    return this.batch.add(key);
  }
}

/** @returns a row for each place; undefined: there is none. They keep their place: without it, each would be a copy */
export function inPlaces<Row>(rows: Placed<Row>[], count: number): (Placed<Row> | undefined)[] {
  const placed = new Array<Placed<Row> | undefined>(count).fill(undefined);
  for (const row of rows) placed[row.place - 1] = row;
  return placed;
}

/**
 * The arrays `$1`, `$2`, … as a table `w` of so many columns and a `place`. From sub-queries: PostgreSQL would otherwise plan each
 * statement anew, as it takes arrays that it can count to be cheaper than those that it cannot.
 */
export function wanted(columns: Record<string, string>): string {
  const arrays = Object.values(columns).map((type, index) => `(SELECT $${index + 1}::${type}[])`);
  return `unnest(${arrays.join(', ')}) WITH ORDINALITY AS w (${[...Object.keys(columns), 'place'].join(', ')})`;
}
