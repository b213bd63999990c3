// The audit log with ten million events (or EVENTS=…; each million takes about a gigabyte of disk), in one partition as after the
// upgrade of a large table: the first page and a late page for each filter, with the indexes that serve it; then retention by the
// server's own sweeper, of one and of ten days, and of half of the log.
// Times of pages are execution times of EXPLAIN ANALYZE with a single client, for the first request of each page and for later
// ones. Times of batches are those of whole transactions.
import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import pg from 'pg';
import { listStatement } from '../dist/src/audit-log-reader/audit-log-reader.store.js';
import { AuditEventStore } from '../dist/src/audit-log/audit-events.store.js';
import { startEmbeddedPostgres } from '../dist/src/database/embedded-postgres.js';
import { migrate, migrationDataSource } from '../dist/src/database/migrate.js';
import { Partitions } from '../dist/src/database/partitions.service.js';
import { Sweeper } from '../dist/src/database/sweeper.service.js';
import { inDataDir } from './support/start.js';
import { ms, quantile } from './support/statistics.js';

Logger.overrideLogger(false);

const EVENTS = Number(process.env.EVENTS ?? 10_000_000);
/** How many days the events are spread over, evenly. */
const DAYS = 800;
const PAGE = 100;
const BATCH = 1_000;
const ROUNDS = 20;
/** How many batches of a backlog are measured. */
const BACKLOG = 400;
const TABLES = ['audit_events', 'audit_emails'];
/** Where all of them are: they are older than the other partitions. */
const PARTITION = 'audit_events_old';

/** The id of one of `count` accounts, tokens and the like; number 0 is by far the busiest. */
const id = (prefix, count) => `md5('${prefix}' || floor(${count} * pow(random(), 3)))::uuid`;

/** A random one of the kinds, by their shares. */
const oneOf = (shares) => {
  let sum = 0;
  const cases = Object.entries(shares).map(
    ([name, share]) => `WHEN r.kind < ${(sum += share).toFixed(4)} THEN '${name}'`,
  );
  return `CASE ${cases.join(' ')} ELSE 'audit.read' END`;
};
const KINDS = { sign_in: 0.55, 'token.issued': 0.3, sign_out: 0.05, 'token.revoked': 0.04, 'access.refused': 0.03 };
const RARE = { 'limit.reached': 0.01, 'account.created': 0.01, 'account.changed': 0.005, 'account.deleted': 0.0001 };

const EVENT = `
  INSERT INTO audit_events (id, at, kind, outcome, actor_id, client_id, app_token_id, on_behalf_of, subject, address,
    request_id, details)
  SELECT md5('event' || n)::uuid, now() - (($2::bigint - n) * ${DAYS} * 86400.0 / $2::bigint) * interval '1 second',
    ${oneOf({ ...KINDS, ...RARE })},
    CASE WHEN r.outcome < 0.97 THEN 'success' WHEN r.outcome < 0.995 THEN 'failure' ELSE 'refused' END,
    CASE WHEN r.who < 0.55 THEN ${id('account', 50_000)} END,
    CASE WHEN r.who BETWEEN 0.55 AND 0.8 THEN ${id('client', 200)}::text END,
    CASE WHEN r.who < 0.3 OR r.who > 0.9 THEN ${id('app token', 500)} END,
    CASE WHEN r.who < 0.01 THEN ${id('account', 50_000)} END,
    CASE WHEN r.who < 0.5 THEN ${id('account', 50_000)}::text WHEN r.who < 0.95 THEN md5('token' || n)::uuid::text END,
    '198.51.100.' || n % 250, gen_random_uuid()::text, jsonb_build_object('session', gen_random_uuid())
  FROM generate_series($1::bigint, $1::bigint + 999999) n,
    LATERAL (SELECT n AS same, random() AS kind, random() AS outcome, random() AS who) AS r
  WHERE n <= $2::bigint`;

const EMAIL = `
  INSERT INTO audit_emails (event_id, email, at)
  SELECT id, substr(coalesce(subject, id::text), 1, 12) || '@example.org', at FROM audit_events
  WHERE outcome = 'failure' OR kind = 'account.created'`;

/** Fills the tables without their indexes, and recreates these afterwards. */
async function fill(client) {
  const { rows: keys } = await client.query(
    `SELECT conrelid::regclass::text AS "table", conname AS name, pg_get_constraintdef(oid) AS definition
     FROM pg_constraint WHERE contype = 'p' AND conrelid = ANY ($1::regclass[])`,
    [TABLES],
  );
  for (const { table, name } of keys) await client.query(`ALTER TABLE ${table} DROP CONSTRAINT ${name}`);
  const { rows: indexes } = await client.query(
    'SELECT indexname AS name, indexdef AS definition FROM pg_indexes WHERE tablename = ANY ($1)',
    [[...TABLES, PARTITION]],
  );
  for (const { name } of indexes) await client.query(`DROP INDEX ${name}`);
  await client.query('SELECT setseed(0.5)');
  for (let first = 1; first <= EVENTS; first += 1_000_000) await client.query(EVENT, [first, EVENTS]);
  await client.query(EMAIL);
  for (const { table, name, definition } of keys) {
    await client.query(`ALTER TABLE ${table} ADD CONSTRAINT ${name} ${definition}`);
  }
  for (const { definition } of indexes) await client.query(definition);
  await client.query('VACUUM ANALYZE audit_events, audit_emails');
}

/** Each node of a plan. */
const nodesOf = (plan) => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

/** @returns how long a statement took, the indexes that it used, and sequential scans and sorts in its plan */
async function explain(client, { statement, values }) {
  const { rows } = await client.query(`EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ${statement}`, values);
  const [{ Plan: plan, 'Execution Time': time }] = rows[0]['QUERY PLAN'];
  const nodes = nodesOf(plan);
  const bad = nodes.filter((node) => /Seq Scan|Sort/.test(node['Node Type']));
  return {
    time,
    indexes: nodes.flatMap((node) => node['Index Name'] ?? []).filter((name) => !/_pkey$/.test(name)),
    filtered: nodes.reduce((sum, node) => sum + (node['Rows Removed by Filter'] ?? 0), 0),
    bad: bad.map((node) => `${node['Node Type']} of ${node['Actual Rows']} rows`),
    count: plan['Actual Rows'],
  };
}

async function show(client, name, statement) {
  const { time: first, ...seen } = await explain(client, statement);
  const times = [];
  for (let round = 0; round < ROUNDS; round += 1) times.push((await explain(client, statement)).time);
  const remarks = [
    [...new Set(seen.indexes)].join(' and ') || 'no index',
    ...(seen.filtered > 0 ? [`${seen.filtered.toLocaleString('en')} rows removed by filters`] : []),
    ...seen.bad,
  ];
  const figures = `first ${ms(first)}, then ${times.length} times: median ${quantile(times, 0.5).toFixed(2)} ms`;
  console.log(
    `  ${name}: ${seen.count} rows, ${figures}, p99 ${quantile(times, 0.99).toFixed(2)} ms; ${remarks.join('; ')}`,
  );
}

/** The filters to measure, for actors and subjects with many and with few events. */
async function filters(client) {
  const common = async (column) => {
    const { rows } = await client.query(
      `SELECT ${column}::text AS value FROM audit_events WHERE ${column} IS NOT NULL
       GROUP BY 1 ORDER BY count(*) DESC LIMIT 1`,
    );
    return rows[0].value;
  };
  const { rows: found } = await client.query(
    `SELECT actor_id::text AS actor, subject FROM audit_events
     WHERE client_id IS NULL AND actor_id IS NOT NULL AND subject IS NOT NULL ORDER BY id LIMIT 1`,
  );
  const [actor, busyClient, appToken, onBehalfOf, subject] = [
    await common('actor_id'),
    await common('client_id'),
    await common('app_token_id'),
    await common('on_behalf_of'),
    await common('subject'),
  ];
  const day = (ago) => new Date(Date.now() - ago * 86_400_000).toISOString();
  return {
    'no filter': {},
    'actor, the busiest account': { actor },
    'actor, the busiest client': { actor: busyClient },
    'actor, another account': { actor: found[0].actor },
    'actor, unknown': { actor: '00000000-0000-0000-0000-000000000000' },
    'app_token, the busiest': { app_token: appToken },
    on_behalf_of: { on_behalf_of: onBehalfOf },
    'subject, the busiest': { subject },
    'subject, another one': { subject: found[0].subject },
    'kind, the commonest': { kind: 'sign_in' },
    'kind, a rare one': { kind: 'account.deleted' },
    'outcome success': { outcome: 'success' },
    'outcome failure': { outcome: 'failure' },
    'outcome refused': { outcome: 'refused' },
    'from and to, a day a year ago': { from: day(366), to: day(365) },
    'from, a year ago': { from: day(365) },
    'to, a year ago': { to: day(365) },
    'actor and kind': { actor, kind: 'sign_in' },
    'subject and outcome': { subject, outcome: 'failure' },
    'kind, outcome, from and to': { kind: 'sign_in', outcome: 'failure', from: day(366), to: day(335) },
    'the busiest actor and a rare kind': { actor: busyClient, kind: 'account.deleted' },
    'the commonest kind and outcome': { kind: 'sign_in', outcome: 'success' },
  };
}

/** The cursor of an event four fifths down the audit log. */
async function deepCursor(client) {
  const { rows } = await client.query(
    `SELECT (extract(epoch FROM at) * 1000000)::bigint::text AS micros, id FROM audit_events
     WHERE at < now() - ${DAYS} * 0.8 * interval '1 day' ORDER BY at DESC, id DESC LIMIT 1`,
  );
  return rows[0];
}

/** Runs the server's sweeper, and prints how long the batches took. */
async function sweep(client, postgres, name, days, most = Infinity) {
  const chosen = `SELECT ctid FROM ${PARTITION} WHERE at < now() - interval '${days} days' ORDER BY at LIMIT 500`;
  await show(client, `before ${name}, the search for a batch`, { statement: chosen, values: [] });
  const dataSource = await migrationDataSource(postgres.connection).initialize();
  try {
    const sweeper = new Sweeper(false, dataSource, new Partitions(dataSource));
    new AuditEventStore({ auditRetention: days * 86_400 }, sweeper).onModuleInit();
    const times = [];
    const transaction = dataSource.transaction.bind(dataSource);
    dataSource.transaction = async (work) => {
      const begun = performance.now();
      const deleted = await transaction(work);
      times.push(performance.now() - begun);
      if (times.length === most) await sweeper.onModuleDestroy();
      return deleted;
    };
    const begun = performance.now();
    const deleted = await sweeper.sweep(undefined, { keepsPartitions: false });
    const seconds = (performance.now() - begun) / 1_000;
    const tenth = Math.ceil(times.length / 10);
    const row = (some) => `median ${ms(quantile(some, 0.5))}, p99 ${ms(quantile(some, 0.99))}`;
    console.log(`  ${name}: ${deleted.toLocaleString('en')} rows in ${times.length} batches, ${seconds.toFixed(1)} s`);
    console.log(`    a batch: ${row(times)}, longest ${ms(Math.max(...times))}`);
    console.log(`    of the first tenth ${row(times.slice(0, tenth))}; of the last ${row(times.slice(-tenth))}`);
  } finally {
    await dataSource.destroy();
  }
}

await inDataDir(async (dataDir) => {
  const log = { info() {}, warn() {}, error() {} };
  const settings = { max_wal_size: '4GB', maintenance_work_mem: '256MB' };
  const postgres = await startEmbeddedPostgres({ dataDir, log, settings });
  const client = new pg.Client(postgres.connection);
  await client.connect();
  try {
    await migrate(postgres.connection);
    const begun = performance.now();
    await fill(client);
    const took = Math.round((performance.now() - begun) / 1_000);
    const { rows } = await client.query(
      `SELECT pg_size_pretty(pg_table_size('${PARTITION}')) AS "table", pg_size_pretty(pg_indexes_size('${PARTITION}')) AS indexes`,
    );
    console.log(
      `${EVENTS.toLocaleString('en')} audit events: ${rows[0].table}, indexes ${rows[0].indexes}; made in ${took} s`,
    );

    const all = await filters(client);
    console.log(`The first page of ${PAGE}:`);
    for (const [name, filter] of Object.entries(all)) await show(client, name, listStatement(filter, PAGE + 1));
    const after = await deepCursor(client);
    console.log(`A page after a cursor that is ${DAYS * 0.8} days back:`);
    for (const [name, { from, ...filter }] of Object.entries(all)) {
      if (from === undefined) await show(client, name, listStatement(filter, PAGE + 1, after));
    }
    console.log(`A batch of ${BATCH} for an export:`);
    await show(client, 'no filter', listStatement({}, BATCH + 1));
    await show(client, 'outcome failure', listStatement({ outcome: 'failure' }, BATCH + 1, after));

    console.log('Retention:');
    await sweep(client, postgres, 'one day', DAYS - 1);
    await sweep(client, postgres, 'ten days', DAYS - 11);
    await sweep(client, postgres, `half of all, the first ${BACKLOG} batches`, DAYS / 2, BACKLOG);
    await sweep(client, postgres, `half of all, the next ${BACKLOG} batches`, DAYS / 2, BACKLOG);
  } finally {
    await client.end();
    await postgres.stop();
  }
});
