/** The SQL expression for a time of a record, or `now`: what lies ahead of us cannot have happened. PostgreSQL's least(NULL, now()) is now(). */
export const past = (column: string) =>
  `CASE WHEN ${column} = 'now' THEN now() WHEN ${column} IS NOT NULL THEN least(${column}::timestamptz, now()) END`;
