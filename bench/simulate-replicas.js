// What many replicas come to: how often a check is answered from memory, and what their announcements cost PostgreSQL.
//   node bench/simulate-replicas.js cache    a simulation of memories (the LRU of the server), some minutes
//   node bench/simulate-replicas.js notify   real notifications to real listeners, on the embedded PostgreSQL
//   node bench/simulate-replicas.js rows     bytes of the tables that grow, with their indexes, and WAL for each row
import { setTimeout as sleep } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import pg from 'pg';
import { startEmbeddedPostgres } from '../dist/src/database/embedded-postgres.js';
import { migrate } from '../dist/src/database/migrate.js';
import { cpuOfTree, parentOf } from './support/cpu.js';
import { inDataDir } from './support/start.js';

const number = (name, fallback) => Number(process.env[name] ?? fallback);
/** Tokens that are in use; how many of them a replica remembers (CACHE_SIZE); and how many replicas there are. */
const TOKENS = number('TOKENS', 10_000_000);
const CACHE_SIZE = number('CACHE_SIZE', 100_000);
const REPLICAS = number('REPLICAS', 200);
/** How many checks are drawn, as a multiple of what a memory holds: first to fill it, then to count. */
const FILL = number('FILL', 10);
/** Zipf's exponent: 0 is everybody alike, 1 is what people's visits to a site usually come to. */
const SKEWS = [0, 0.6, 0.8, 1];
/** Seconds of each measurement, and announcements of revocations in each second of it. */
const SECONDS = number('SECONDS', 10);
const REVOCATIONS = number('REVOCATIONS', 100);

/** Rows of each table that are measured. */
const ROWS = number('ROWS', 200_000);
const AGENT = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36';
/** As servers write them, with values of the usual length. */
const TABLES = {
  accounts: `(email, password_hash) SELECT 'person' || n || '@example.org', repeat('h', 60) FROM numbers`,
  sessions: `(account_id, expires_at, address, user_agent)
    SELECT id, now() + interval '1 day', '203.0.113.9', '${AGENT}' FROM accounts LIMIT ${ROWS}`,
  tokens: `(kind, digest, hint, gateway_account_id, description, created_by)
    SELECT 'api', sha256(n::text::bytea), 'abcd', 'GATEWAY_ACCOUNT_' || n, 'The till', 'person@example.org' FROM numbers`,
  identifications: `(client_id, ip, url, user_agent, expires_at)
    SELECT 'client', '203.0.113.9', 'https://library.example.org/article/' || n, '${AGENT}', now() + interval '30 days' FROM numbers`,
  audit_events: `(kind, actor_id, subject, address, request_id, outcome, details)
    SELECT 'session.opened', id, id, '203.0.113.9', gen_random_uuid(), 'success', '{"user_agent": "${AGENT}"}' FROM accounts LIMIT ${ROWS}`,
};

const parts = process.argv.length > 2 ? process.argv.slice(2) : ['cache', 'notify', 'rows'];
if (parts.includes('cache')) simulateCaches();
if (parts.includes('notify')) await withPostgres(measureNotifications);
if (parts.includes('rows')) await withPostgres(measureRows);

/** All replicas are alike, as what reaches each is drawn alike: one is simulated. */
function simulateCaches() {
  const columns = SKEWS.map((skew) => {
    const draw = zipf(TOKENS, skew);
    // Spread by the token, a replica sees only every REPLICAS-th.
    const part = zipf(Math.ceil(TOKENS / REPLICAS), skew);
    return { 'spread at random': hitRate(draw, CACHE_SIZE), 'spread by the token': hitRate(part, CACHE_SIZE) };
  });
  console.log(
    `Checks from memory: ${TOKENS} tokens in use, ${CACHE_SIZE} remembered by each of ${REPLICAS} replicas\n`,
  );
  console.log(
    `| requests are | ${SKEWS.map((skew) => `Zipf ${skew}`).join(' | ')} |\n| --- | ${SKEWS.map(() => '---').join(' | ')} |`,
  );
  for (const name of Object.keys(columns[0])) {
    console.log(`| ${name} | ${columns.map((column) => `${(100 * column[name]).toFixed(1)} %`).join(' | ')} |`);
  }
}

/** @returns a function that draws a token by its rank */
function zipf(count, skew) {
  const sums = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank += 1) {
    sum += (rank + 1) ** -skew;
    sums[rank] = sum;
  }
  return () => {
    const wanted = Math.random() * sum;
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sums[middle] < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

function hitRate(draw, size) {
  const memory = new LRUCache({ max: size });
  const checks = FILL * size;
  let hits = 0;
  for (let check = 0; check < 2 * checks; check += 1) {
    const token = draw();
    const isHit = memory.get(token) !== undefined;
    if (check >= checks && isHit) hits += 1;
    if (!isHit) memory.set(token, true);
  }
  return hits / checks;
}

async function withPostgres(work) {
  await inDataDir(async (dataDir) => {
    const settings = { max_connections: '1000' };
    const log = { info() {}, warn() {}, error: console.error };
    const postgres = await startEmbeddedPostgres({ dataDir, log, settings });
    try {
      await work(postgres.connection);
    } finally {
      await postgres.stop();
    }
  });
}

async function measureRows(connection) {
  await migrate(connection);
  const client = await connect(connection);
  const one = async (text, ...values) => Number(Object.values((await client.query(text, values)).rows[0])[0]);
  // Of a partitioned table: its partitions.
  const size = (table) =>
    one(
      `SELECT pg_total_relation_size($1::regclass)
         + coalesce((SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree($1::regclass) WHERE level > 0), 0)`,
      table,
    );
  await client.query(`CREATE TEMPORARY TABLE numbers AS SELECT n FROM generate_series(1, ${ROWS}) AS n`);
  await client.query(`INSERT INTO oauth_clients (id, name, scopes) VALUES ('client', 'A client', '{}')`);
  console.log(
    `\nBytes of a row with its indexes, and WAL of it, from ${ROWS} rows\n\n| table | bytes | WAL |\n| --- | --- | --- |`,
  );
  for (const [table, rows] of Object.entries(TABLES)) {
    await client.query('CHECKPOINT');
    const before = await size(table);
    const { lsn } = (await client.query('SELECT pg_current_wal_insert_lsn() AS lsn')).rows[0];
    await client.query(`INSERT INTO ${table} ${rows}`);
    const written = await one('SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), $1)', lsn);
    const [bytes, wal] = [(await size(table)) - before, written].map((value) => Math.round(value / ROWS));
    console.log(`| \`${table}\` | ${bytes} | ${wal} |`);
  }
  await client.end();
}

/** Each listener is a replica: it announces a heartbeat each second, and hears everybody's. */
async function measureNotifications(connection) {
  console.log(
    `\nNotifications: a heartbeat a second from each replica, and ${REVOCATIONS} revocations a second, for ${SECONDS} s\n`,
  );
  const columns = [
    'replicas',
    'sent a second',
    'heard a second',
    'p50, ms',
    'p99, ms',
    'most, ms',
    'CPU of PostgreSQL, cores',
  ];
  console.log(`| ${columns.join(' | ')} |\n|${' --- |'.repeat(columns.length)}`);
  for (const replicas of [10, 50, 100, REPLICAS]) await measureWith(connection, replicas);
}

async function measureWith(connection, replicas) {
  const waits = [];
  let sent = 0;
  const listeners = await Promise.all(Array.from({ length: replicas }, () => connect(connection)));
  const speakers = new pg.Pool({ ...connection, max: 8 });
  for (const listener of listeners) {
    listener.on('notification', ({ payload }) => waits.push(performance.now() - Number(payload)));
    await listener.query('LISTEN latchkey_revocations');
  }
  const { pid } = (await listeners[0].query('SELECT pg_backend_pid() AS pid')).rows[0];
  const postmaster = parentOf(pid);
  const before = cpuOfTree(postmaster);
  const begin = performance.now();
  await every(1_000 / (replicas + REVOCATIONS), SECONDS * 1_000, () => {
    sent += 1;
    return speakers.query('SELECT pg_notify($1, $2)', ['latchkey_revocations', String(performance.now())]);
  });
  await sleep(500);
  const seconds = (performance.now() - begin) / 1_000;
  const cores = (cpuOfTree(postmaster) - before) / seconds;
  waits.sort((one, other) => one - other);
  const [p50, p99] = [0.5, 0.99].map((share) => waits[Math.floor(share * (waits.length - 1))]);
  const row = [replicas, sent / seconds, waits.length / seconds, p50, p99, waits.at(-1)].map((value) =>
    Math.round(value),
  );
  console.log(`| ${row.join(' | ')} | ${cores.toFixed(2)} |`);
  await Promise.all([...listeners, speakers].map((client) => client.end()));
}

async function connect(connection) {
  const client = new pg.Client(connection);
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Does something again and again, on time even when the timer is late, and waits for all of it. */
async function every(interval, duration, act) {
  const begin = performance.now();
  const under = [];
  for (let turn = 0; turn * interval < duration;) {
    const due = Math.min(duration, performance.now() - begin);
    for (; turn * interval < due; turn += 1) under.push(act());
    await sleep(5);
  }
  await Promise.all(under);
}
