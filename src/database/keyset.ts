/** A position in a list that is ordered by a time, in microseconds since 1970, and an id. */
export interface Cursor {
  micros: string;
  id: string;
}

/** The parts of a statement that lists rows by a time and an id, starting after a cursor. */
export interface Keyset {
  /** The column `micros`, which is the cursor of a row together with the id. */
  micros: string;
  orderBy: string;
  /** @param cursor undefined: starts at the beginning
   * @param values the values of the statement, to which those of the cursor are added
   * @returns the conditions for rows after the cursor; empty without a cursor
   */
  behind(cursor: Cursor | undefined, values: unknown[]): string[];
}

/** Keyset pagination, which is fast for any page: an index on the two columns leads to its first row.
 *
 * @param time the column of type timestamptz that orders the list
 * @param id the column that orders rows of the same time
 * @param direction `DESC`: newest first
 */
export function keyset(time: string, id: string, direction: 'ASC' | 'DESC'): Keyset {
  const follows = direction === 'ASC' ? '>' : '<';
  return {
    micros: `(extract(epoch FROM ${time}) * 1000000)::bigint::text AS micros`,
    orderBy: `ORDER BY ${time} ${direction}, ${id} ${direction}`,
    behind: (cursor, values) => {
      if (!cursor) return [];
      const [micros, last] = [values.push(cursor.micros), values.push(cursor.id)];
      const at = `'epoch'::timestamptz + $${micros}::float8 * interval '1 microsecond'`;
      return [`(${time}, ${id}) ${follows} (${at}, $${last})`];
    },
  };
}

/** @returns a WHERE clause that requires all conditions; empty without conditions */
export function where(conditions: string[]): string {
  return conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : '';
}
