/**
 * Keys of PostgreSQL advisory locks. They share one space with every other user of the database server's
 * database, hence the arbitrary first number.
 */
const NAMESPACE = 7_102_024;

/** Held while the schema changes and while an empty database is filled. */
export const MIGRATION_LOCK = [NAMESPACE, 1] as const;
/** Held by the replica that sweeps. */
export const SWEEP_LOCK = [NAMESPACE, 2] as const;
