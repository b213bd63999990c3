import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createIndexes } from './concurrently.js';

/** A table that is partitioned by time. */
interface Parted {
  table: string;
  /** The time that its partitions are of. */
  time: string;
  /** The columns of its primary key. */
  key: string;
  /** Those behind `id`. */
  columns: string;
  /** Of every partition, by the end of their names. */
  indexes: Record<string, string>;
  /** What is made when the table is there. */
  onTable: string;
  /** And for it and each partition, which is `$table`. */
  onPartition: string;
  /** The triggers that there were. */
  oldTriggers: string[];
  /** The indexes that there were, other than the primary key. */
  oldIndexes: Record<string, string>;
  /** Those that statements of this release want of what is there. The others stay, as statements of the previous one want them. */
  hashed: Record<string, string>;
  /** Of the old ones, those that the new primary key does the work of. */
  superseded: string[];
  /** What takes the place of {@link onTable} in the table as it was. */
  before: string;
}

const ID = 'id uuid NOT NULL DEFAULT gen_random_uuid()';
const ACTOR_HASH = '((hashtextextended(coalesce(client_id, actor_id::text, app_token_id::text), 0)), at)';
const SUBJECT_HASH = '((hashtextextended(subject, 0)), at) WHERE subject IS NOT NULL';

const AUDIT_EVENTS: Parted = {
  table: 'audit_events',
  time: 'at',
  key: 'at, id',
  columns: `
    at           timestamptz NOT NULL DEFAULT now(),
    kind         text        NOT NULL,
    actor_id     uuid,
    on_behalf_of uuid,
    subject      text,
    address      text,
    request_id   text,
    outcome      text        NOT NULL DEFAULT 'success'
      CONSTRAINT audit_events_outcome_check CHECK (outcome IN ('success', 'failure', 'refused')),
    client_id    text,
    app_token_id uuid,
    details      jsonb       NOT NULL DEFAULT '{}'`,
  // Hashes of what is long, and no id: the few events of one moment are sorted.
  indexes: {
    actor: ACTOR_HASH,
    app_token: '(app_token_id, at) WHERE app_token_id IS NOT NULL',
    on_behalf_of: '(on_behalf_of, at) WHERE on_behalf_of IS NOT NULL',
    subject: SUBJECT_HASH,
    kind: '(kind, at)',
    outcome: `(outcome, at) WHERE outcome <> 'success'`,
  },
  onTable: `
    -- The retention job says in which partition it deletes, and not even it deletes what is younger than a day. The previous
    -- release says "on", and means rows by where they are in a table, which may be others in each partition: it deletes none.
    CREATE FUNCTION audit_events_kept() RETURNS trigger LANGUAGE plpgsql AS $$
      DECLARE
        word text := current_setting('latchkey.audit_retention', true);
      BEGIN
        IF TG_OP = 'DELETE' AND word IN ('on', TG_TABLE_NAME) THEN
          IF OLD.at < now() - interval '1 day' THEN
            IF word = 'on' THEN
              RETURN NULL;
            END IF;
            RETURN OLD;
          END IF;
        END IF;
        RAISE EXCEPTION 'audit_events is append-only' USING ERRCODE = 'insufficient_privilege';
      END
    $$;
    CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE ON audit_events
      FOR EACH ROW EXECUTE FUNCTION audit_events_kept();`,
  onPartition: `
    CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON $table
      FOR EACH STATEMENT EXECUTE FUNCTION audit_events_kept();`,
  oldTriggers: ['audit_events_append_only', 'audit_events_no_truncate'],
  oldIndexes: {
    at: '(at DESC, id DESC)',
    actor: '((coalesce(client_id, actor_id::text, app_token_id::text)), at DESC, id DESC)',
    app_token: '(app_token_id, at DESC, id DESC) WHERE app_token_id IS NOT NULL',
    on_behalf_of: '(on_behalf_of, at DESC, id DESC) WHERE on_behalf_of IS NOT NULL',
    subject: '(subject, at DESC, id DESC)',
    kind: '(kind, at DESC, id DESC)',
    outcome: `(outcome, at DESC, id DESC) WHERE outcome <> 'success'`,
  },
  hashed: {
    audit_events_old_actor_hash_idx: `ON audit_events ${ACTOR_HASH}`,
    audit_events_old_subject_hash_idx: `ON audit_events ${SUBJECT_HASH}`,
  },
  superseded: ['at'],
  before: `
    DROP FUNCTION audit_events_kept();
    CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE ON audit_events
      FOR EACH ROW EXECUTE FUNCTION audit_events_append_only();
    CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON audit_events
      FOR EACH STATEMENT EXECUTE FUNCTION audit_events_append_only()`,
};

const IDENTIFICATIONS: Parted = {
  table: 'identifications',
  time: 'created_at',
  key: 'id, created_at',
  columns: `
    client_id        text        NOT NULL,
    account_id       uuid,
    institution_id   uuid,
    ip               inet        NOT NULL,
    url              text        NOT NULL CONSTRAINT identifications_url_check CHECK (char_length(url) <= 2048),
    user_agent       text        NOT NULL
      CONSTRAINT identifications_user_agent_check CHECK (char_length(user_agent) <= 2048),
    email            text        CONSTRAINT identifications_email_check CHECK (char_length(email) <= 254),
    created_at       timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL,
    return_to        text,
    credential_epoch integer,
    returned_at      timestamptz,
    CONSTRAINT identifications_client_id_fkey FOREIGN KEY (client_id) REFERENCES oauth_clients (id) ON DELETE CASCADE`,
  indexes: { client_id: '(client_id, account_id)' },
  onTable: `
    CREATE FUNCTION skip_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    -- The previous release means rows by where they are in a table, which may be others in each partition.
    CREATE TRIGGER identifications_kept BEFORE DELETE ON identifications FOR EACH ROW
      WHEN (OLD.expires_at >= now() AND starts_with(current_query(), 'DELETE FROM identifications WHERE ctid = '))
      EXECUTE FUNCTION skip_row();`,
  onPartition: '',
  oldTriggers: [],
  oldIndexes: {
    expires_at: '(expires_at)',
    client_id: '(client_id)',
    account_id: '(account_id, client_id) WHERE account_id IS NOT NULL',
  },
  hashed: {},
  superseded: [],
  before: 'DROP FUNCTION skip_row()',
};

/** So many rows are copied while others wait: a moment. */
const FEW = 10_000;
/** Until when rows go into the table of the previous release: it has to be checked by then that none is later. */
const WEEKS_LEFT = 5;
const WEEK = 7 * 86_400_000;

/**
 * The audit log and the identifications have a partition for each week, so that those that are past can be dropped. What is there
 * already becomes one partition, `…_old`; what has none goes to `…_default`. Servers make and drop the others.
 *
 * A large table stays as it is: what PostgreSQL has to know of it is checked beside the traffic, then names change.
 */
export class Partitions1764000000041 implements MigrationInterface {
  name = 'Partitions1764000000041';
  transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    for (const parted of [AUDIT_EVENTS, IDENTIFICATIONS]) {
      if (await isPartitioned(runner, parted)) continue;
      if (await hasFew(runner, parted)) await inTransaction(runner, () => replace(runner, parted));
      else await keep(runner, parted);
    }
  }

  /** Copies all rows while others wait: let the previous release run with the newer schema instead, if there are many. */
  async down(runner: QueryRunner): Promise<void> {
    for (const { table, columns, before, oldIndexes } of [IDENTIFICATIONS, AUDIT_EVENTS]) {
      const names = await columnsOf(runner, table);
      await runner.query(`ALTER TABLE ${table} RENAME TO ${table}_parted`);
      await runner.query(`ALTER INDEX ${table}_pkey RENAME TO ${table}_parted_pkey`);
      await runner.query(`CREATE TABLE ${table} (${ID}, ${columns}, PRIMARY KEY (id))`);
      await runner.query(`INSERT INTO ${table} (${names}) SELECT ${names} FROM ${table}_parted`);
      await runner.query(`DROP TABLE ${table}_parted`);
      for (const [name, definition] of Object.entries(oldIndexes)) {
        await runner.query(`CREATE INDEX ${table}_${name}_idx ON ${table} ${definition}`);
      }
      await runner.query(before);
    }
  }
}

async function isPartitioned(runner: QueryRunner, { table }: Parted): Promise<boolean> {
  const rows = (await runner.query(
    `SELECT FROM pg_partitioned_table WHERE partrelid = '${table}'::regclass`,
  )) as unknown[];
  return rows.length > 0;
}

async function hasFew(runner: QueryRunner, { table }: Parted): Promise<boolean> {
  const rows = (await runner.query(`SELECT FROM ${table} OFFSET ${FEW} LIMIT 1`)) as unknown[];
  return rows.length === 0;
}

async function columnsOf(runner: QueryRunner, table: string): Promise<string> {
  const [row] = (await runner.query(
    `SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS names FROM pg_attribute
     WHERE attrelid = '${table}'::regclass AND attnum > 0 AND NOT attisdropped`,
  )) as { names: string }[];
  return row?.names ?? '';
}

/** @returns the last Monday in UTC, so many weeks later */
async function mondayAfter(runner: QueryRunner, weeks: number): Promise<string> {
  const [row] = (await runner.query(
    `SELECT extract(epoch FROM date_trunc('week', now() AT TIME ZONE 'UTC'))::int AS monday`,
  )) as { monday: number }[];
  return new Date((row?.monday ?? 0) * 1_000 + weeks * WEEK).toISOString();
}

async function inTransaction(runner: QueryRunner, work: () => Promise<void>): Promise<void> {
  await runner.startTransaction();
  try {
    await work();
    await runner.commitTransaction();
  } catch (error) {
    await runner.rollbackTransaction();
    throw error;
  }
}

/** A partitioned table with the rows of one that has few. */
async function replace(runner: QueryRunner, parted: Parted): Promise<void> {
  const { table } = parted;
  await runner.query(`LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
  const names = await columnsOf(runner, table);
  await runner.query(`ALTER TABLE ${table} RENAME TO ${table}_before`);
  await runner.query(`ALTER INDEX ${table}_pkey RENAME TO ${table}_before_pkey`);
  await makeTable(runner, parted);
  await runner.query(`CREATE TABLE ${table}_old (LIKE ${table}_default INCLUDING ALL)`);
  await attachOld(runner, parted, await mondayAfter(runner, 0));
  await runner.query(`INSERT INTO ${table} (${names}) SELECT ${names} FROM ${table}_before`);
  await runner.query(`DROP TABLE ${table}_before`);
  await runner.query(parted.onTable);
  await protectPartitions(runner, parted);
}

/** A partitioned table that has the one that was there as a partition. */
async function keep(runner: QueryRunner, parted: Parted): Promise<void> {
  const { table, time, key, oldTriggers, oldIndexes, superseded, hashed } = parted;
  await createIndexes(runner, { [`${table}_old_pkey`]: `ON ${table} (${key})` }, { unique: true });
  await createIndexes(runner, hashed);
  const end = await mondayAfter(runner, WEEKS_LEFT);
  const bound = `${table}_bound`;
  try {
    await runner.query(
      `ALTER TABLE ${table} DROP CONSTRAINT IF EXISTS ${bound}, ADD CONSTRAINT ${bound} CHECK (${time} < '${end}') NOT VALID`,
    );
    // Reads the table, while others go on reading and writing it.
    await runner.query(`ALTER TABLE ${table} VALIDATE CONSTRAINT ${bound}`);
    await inTransaction(runner, async () => {
      await runner.query(`LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
      for (const trigger of oldTriggers) await runner.query(`DROP TRIGGER ${trigger} ON ${table}`);
      await runner.query(`ALTER TABLE ${table} RENAME TO ${table}_old`);
      await runner.query(
        `ALTER TABLE ${table}_old DROP CONSTRAINT ${table}_pkey,
           ADD CONSTRAINT ${table}_old_pkey PRIMARY KEY USING INDEX ${table}_old_pkey`,
      );
      for (const name of Object.keys(oldIndexes)) {
        const index = `${table}_${name}_idx`;
        await runner.query(
          superseded.includes(name) ? `DROP INDEX ${index}` : `ALTER INDEX ${index} RENAME TO ${table}_old_${name}_idx`,
        );
      }
      await makeTable(runner, parted);
      await attachOld(runner, parted, end);
      await runner.query(`ALTER TABLE ${table}_old DROP CONSTRAINT ${bound}`);
      await runner.query(parted.onTable);
      await protectPartitions(runner, parted);
    });
  } catch (error) {
    // Or nothing could be written any more when its time has come.
    await runner.query(`ALTER TABLE ${table} DROP CONSTRAINT IF EXISTS ${bound}`).catch(() => undefined);
    throw error;
  }
}

/** The default partition is the model of all others. */
async function makeTable(runner: QueryRunner, { table, time, key, columns, indexes }: Parted): Promise<void> {
  await runner.query(`
    CREATE TABLE ${table} (${ID}, ${columns}, CONSTRAINT ${table}_pkey PRIMARY KEY (${key})) PARTITION BY RANGE (${time});
    CREATE TABLE ${table}_default PARTITION OF ${table} DEFAULT`);
  for (const [name, definition] of Object.entries(indexes)) {
    await runner.query(`CREATE INDEX ${table}_default_${name}_idx ON ${table}_default ${definition}`);
  }
}

/** And what follows, a week ahead: servers go on from there. */
async function attachOld(runner: QueryRunner, { table }: Parted, end: string): Promise<void> {
  const ends = [0, 1, 2].map((weeks) => new Date(Date.parse(end) + weeks * WEEK).toISOString());
  await runner.query(`ALTER TABLE ${table} ATTACH PARTITION ${table}_old FOR VALUES FROM (MINVALUE) TO ('${end}')`);
  for (const [index, from] of ends.slice(0, -1).entries()) {
    const name = `${table}_${from.slice(0, 10).replaceAll('-', '')}`;
    await runner.query(`CREATE TABLE ${name} (LIKE ${table}_default INCLUDING ALL)`);
    await runner.query(
      `ALTER TABLE ${table} ATTACH PARTITION ${name} FOR VALUES FROM ('${from}') TO ('${ends[index + 1]}')`,
    );
  }
}

async function protectPartitions(runner: QueryRunner, { table, onPartition }: Parted): Promise<void> {
  if (onPartition === '') return;
  const rows = (await runner.query(
    `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = '${table}'::regclass`,
  )) as { name: string }[];
  for (const name of [table, ...rows.map((row) => row.name)])
    await runner.query(onPartition.replaceAll('$table', name));
}
