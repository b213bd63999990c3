// Identifying a visitor by address among 200,000 nested networks, IPv4 and IPv6.
// In the database: execution times of EXPLAIN ANALYZE with a single client, everything cached and just vacuumed;
// planning is
// printed apart. The server's statement is measured as it is, with its INSERT and its locks. Its search alone is
// compared with
// other ways to search the same networks: with other indexes or none, and by a look-up for each prefix length in a
// B-tree.
// Over HTTP: POST /api/identifications, alternating with bare and with hand-written Fastify.
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { startEmbeddedPostgres } from '../dist/src/database/embedded-postgres.js';
import { BY_NETWORK, IDENTIFY } from '../dist/src/identifications/identifications.store.js';
import { compare, startProcess, stopProcess } from './load.js';
import { inDataDir, quantile } from './support.js';

const NETWORKS = 200_000;
const ACCOUNTS = 20_000;
const ADDRESSES = Number(process.env.ADDRESSES ?? 2_000);
/** The number of addresses for slow searches. */
const FEW = 50;
const CLIENT = { id: 'bench', secret: randomBytes(32).toString('base64url') };
const DATABASE = 'latchkey_bench';

/** The same numbers in every run (mulberry32). */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = generator(1);
const below = (count) => Math.floor(random() * count);

function randomBits(count) {
  let bits = 0n;
  for (let done = 0; done < count; done += 16) bits = (bits << 16n) | BigInt(below(65_536));
  return BigInt.asUintN(count, bits);
}

/** A network of that length somewhere inside another. */
function inside({ width, first, length }, longer) {
  const free = BigInt(width - longer);
  return { width, first: ((first | randomBits(width - length)) >> free) << free, length: longer };
}

const IPV4 = { width: 32, first: 0n, length: 0 };
/** 2000::/3, the range of global unicast addresses. */
const IPV6 = { width: 128, first: 1n << 125n, length: 3 };

function written({ width, first, length }) {
  const [size, radix, separator] = width === 32 ? [8, 10, '.'] : [16, 16, ':'];
  const parts = Array.from({ length: width / size }, (_, index) =>
    BigInt.asUintN(size, first >> BigInt(width - size * (index + 1))).toString(radix),
  );
  return `${parts.join(separator)}/${length}`;
}

/** Two thirds are anywhere, /18 to /30 and /29 to /64; the others are inside an earlier one. */
function makeNetworks(count) {
  const networks = new Map();
  const list = [];
  while (list.length < count) {
    const kind = random();
    const outer = kind < 0.45 ? IPV4 : kind < 0.65 ? IPV6 : list[below(list.length)];
    if (!outer || outer.length === outer.width) continue;
    const longer =
      outer === IPV4
        ? 18 + below(13)
        : outer === IPV6
          ? 29 + below(36)
          : outer.length + 1 + below(Math.min(12, outer.width - outer.length));
    const network = inside(outer, longer);
    const text = written(network);
    if (networks.has(text)) continue;
    networks.set(text, network);
    list.push(network);
  }
  return list;
}

const addressIn = (network) => written(inside(network, network.width)).split('/')[0];

async function fill(client, networks) {
  await client.query(
    `INSERT INTO accounts (name, individual, created_at)
     SELECT 'organisation ' || n, false, now() - n * interval '1 minute' FROM generate_series(1, $1::int) n`,
    [ACCOUNTS],
  );
  await client.query(
    `INSERT INTO account_networks (account_id, network)
     SELECT ids[1 + n % $2], network::cidr
     FROM unnest($1::text[]) WITH ORDINALITY AS t (network, n),
       (SELECT array_agg(id ORDER BY created_at) AS ids FROM accounts WHERE name LIKE 'organisation %') AS a`,
    [networks.map(written), ACCOUNTS],
  );
}

const PREFIXES = `generate_series(CASE family($1::inet) WHEN 4 THEN 32 ELSE 128 END, 0, -1) AS bits`;
const withNetworks = (table) => BY_NETWORK.replace('account_networks', table);

/** Ways to search, each with a table of its own. */
const WAYS = {
  'its search alone (GiST)': { statement: BY_NETWORK },
  'SP-GiST': {
    prepare: `CREATE TABLE spgist AS TABLE account_networks; CREATE INDEX ON spgist USING spgist (network inet_ops)`,
    statement: withNetworks('spgist'),
  },
  'B-tree, = ANY (every prefix)': {
    prepare: `CREATE TABLE btree AS TABLE account_networks; CREATE INDEX ON btree (network)`,
    statement: withNetworks('btree').replace(
      'n.network >>= $1::inet',
      `n.network = ANY (ARRAY(SELECT network(set_masklen($1::inet, bits)) FROM ${PREFIXES}))`,
    ),
  },
  'B-tree with ages, LIMIT 1 for each prefix': {
    prepare: `
      CREATE TABLE aged AS SELECT n.*, a.created_at FROM account_networks n JOIN accounts a ON a.id = n.account_id;
      CREATE INDEX ON aged (network, created_at, account_id)`,
    statement: `
      SELECT found.id FROM ${PREFIXES}
        CROSS JOIN LATERAL (
          SELECT a.id FROM aged n JOIN accounts a ON a.id = n.account_id
          WHERE n.network = network(set_masklen($1::inet, bits)) AND a.disabled_at IS NULL
          ORDER BY n.created_at, n.account_id LIMIT 1) AS found
      LIMIT 1`,
  },
  'no index': { prepare: `CREATE TABLE plain AS TABLE account_networks`, statement: withNetworks('plain'), slow: true },
};

const visit = (ip) => [ip, null, [], CLIENT.id, 'https://publisher.example/read', 'bench', 60, [], false];

async function timesOf(client, statement, values) {
  const { rows } = await client.query(`EXPLAIN (ANALYZE, TIMING OFF, BUFFERS OFF, FORMAT JSON) ${statement}`, values);
  const [explained] = rows[0]['QUERY PLAN'];
  return { execution: explained['Execution Time'], planning: explained['Planning Time'] };
}

const figures = (times) => `${quantile(times, 0.5).toFixed(3)} ms, p99 ${quantile(times, 0.99).toFixed(3)} ms`;

/** Measures each way with each address, alternating. */
async function searchAll(client, name, addresses) {
  const server = "the server's statement, with its INSERT";
  const samples = Object.fromEntries([server, ...Object.keys(WAYS)].map((way) => [way, []]));
  const planning = [];
  await client.query('BEGIN');
  for (const [index, ip] of addresses.entries()) {
    const whole = await timesOf(client, IDENTIFY, visit(ip));
    samples[server].push(whole.execution);
    planning.push(whole.planning);
    for (const [way, { statement, slow }] of Object.entries(WAYS)) {
      if (slow && index >= FEW) continue;
      samples[way].push((await timesOf(client, statement, [ip])).execution);
    }
  }
  await client.query('ROLLBACK');
  console.log(`${name}: ${addresses.length} addresses`);
  const [search] = Object.keys(WAYS);
  for (const [way, times] of Object.entries(samples)) {
    const ratio = quantile(times, 0.5) / quantile(samples[search], 0.5);
    const remark =
      way === server
        ? `; planning ${figures(planning)}`
        : way === search
          ? ''
          : `; ${ratio.toFixed(ratio < 10 ? 2 : 0)} times its search`;
    console.log(`  ${way}: ${figures(times)}${remark}`);
  }
}

const MORE_ACCOUNTS = `
  INSERT INTO accounts (name, individual, created_at)
  SELECT 'another ' || n, false, now() - n * interval '1 second' FROM generate_series(1, 50000) n;`;
const giveTo = (count, network) => `
  INSERT INTO account_networks SELECT id, '${network}' FROM accounts WHERE NOT individual ORDER BY id LIMIT ${count};`;

/** Many networks that contain the same address. */
const HARD_CASES = {
  'one address in 33 networks': `
    INSERT INTO account_networks
    SELECT (SELECT id FROM accounts LIMIT 1), network(set_masklen('198.18.0.1'::inet, bits)) FROM generate_series(0, 32) bits`,
  '0.0.0.0/0 of 100 accounts': giveTo(100, '0.0.0.0/0'),
  '0.0.0.0/0 of 1,000 accounts': giveTo(1_000, '0.0.0.0/0'),
  '0.0.0.0/0 of 50,000 accounts': MORE_ACCOUNTS + giveTo(50_000, '0.0.0.0/0'),
  '198.18.0.0/24 of 50,000 accounts': MORE_ACCOUNTS + giveTo(50_000, '198.18.0.0/24'),
  'each of 33 networks of 1,000 accounts': `
    INSERT INTO account_networks
    SELECT id, network(set_masklen('198.18.0.1'::inet, bits))
    FROM (SELECT id FROM accounts WHERE NOT individual ORDER BY id LIMIT 1000) AS a, generate_series(0, 32) bits`,
};

async function inCopy(postgres, change, work) {
  await asAdmin(postgres, `CREATE DATABASE hard_case TEMPLATE ${DATABASE}`);
  const client = new pg.Client({ ...postgres.connection, database: 'hard_case' });
  await client.connect();
  try {
    if (change) await client.query(change);
    for (const { prepare } of Object.values(WAYS)) if (prepare) await client.query(prepare);
    await client.query('VACUUM ANALYZE');
    await work(client);
  } finally {
    await client.end();
    await asAdmin(postgres, 'DROP DATABASE hard_case');
  }
}

async function asAdmin(postgres, statement) {
  const client = new pg.Client(postgres.connection);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** Addresses near the networks, but in none of them. */
async function missesAmong(client, count) {
  const candidates = Array.from({ length: count * 4 }, (_, index) => addressIn(index % 3 === 0 ? IPV6 : IPV4));
  const { rows } = await client.query(
    `SELECT ip FROM unnest($1::text[]) AS ip
     WHERE NOT EXISTS (SELECT FROM account_networks WHERE network >>= ip::inet) LIMIT $2`,
    [candidates, count],
  );
  return rows.map(({ ip }) => ip);
}

async function searches(postgres, hits) {
  await inCopy(postgres, '', async (client) => {
    const misses = await missesAmong(client, ADDRESSES);
    // Warms up.
    for (const ip of hits.slice(0, 200)) await timesOf(client, IDENTIFY, visit(ip));
    await searchAll(client, `${NETWORKS.toLocaleString('en')} networks, hits`, hits);
    await searchAll(client, `${NETWORKS.toLocaleString('en')} networks, misses`, misses);
  });
  for (const [name, change] of Object.entries(HARD_CASES)) {
    await inCopy(postgres, change, async (client) => {
      const addresses = Array.from({ length: FEW }, (_, index) => `198.18.0.${index}`);
      await searchAll(client, `The same and ${name}`, addresses);
    });
  }
}

/** One request with the next address each time. */
function identifications(addresses, headers) {
  let next = 0;
  const bodyFor = (ip) => JSON.stringify({ ip, url: 'https://publisher.example/read', user_agent: 'bench' });
  const setupRequest = (request) => {
    next += 1;
    return { ...request, body: bodyFor(addresses[next % addresses.length]) };
  };
  const body = bodyFor(addresses[0]);
  return [
    {
      method: 'POST',
      path: '/api/identifications',
      headers: { 'content-type': 'application/json', ...headers },
      body,
      setupRequest,
    },
  ];
}

async function accessToken({ url }) {
  const basic = Buffer.from(`${CLIENT.id}:${CLIENT.secret}`).toString('base64');
  const answer = await fetch(`${url}/oauth/token`, { method: 'POST', headers: { authorization: `Basic ${basic}` } });
  return (await answer.json()).access_token;
}

await inDataDir(async (dataDir) => {
  const log = { info() {}, warn() {}, error() {} };
  const postgres = await startEmbeddedPostgres({ dataDir, log, settings: { synchronous_commit: 'off' } });
  try {
    const { host, user, password } = postgres.connection;
    const databaseUrl = `postgres://${user}:${password}@localhost/${DATABASE}?host=${encodeURIComponent(host)}`;
    const startLatchkey = () =>
      startProcess('../dist/src/main.js', {
        DATABASE_URL: databaseUrl,
        DATA_DIR: dataDir,
        SECRET_KEY: 'a secret key for benchmarks only and nowhere else',
        RATE_LIMIT_PER_MINUTE: '0',
        BOOTSTRAP_ADMIN_EMAIL: 'admin@example.org',
        BOOTSTRAP_ADMIN_PASSWORD: 'an example of a password',
        BOOTSTRAP_CLIENT_ID: CLIENT.id,
        BOOTSTRAP_CLIENT_SECRET: CLIENT.secret,
      });
    await asAdmin(postgres, `CREATE DATABASE ${DATABASE}`);
    // The first start creates the tables and the client. It is stopped, as a database in use cannot be copied.
    await stopProcess(await startLatchkey());
    const networks = makeNetworks(NETWORKS);
    const client = new pg.Client({ ...postgres.connection, database: DATABASE });
    await client.connect();
    await fill(client, networks);
    await client.query('VACUUM ANALYZE');
    await client.end();
    const hits = Array.from({ length: ADDRESSES }, () => addressIn(networks[below(networks.length)]));

    await searches(postgres, hits);

    const latchkey = await startLatchkey();
    const handWritten = await startProcess('servers/hand-written.js', { DATABASE_URL: databaseUrl });
    const headers = { authorization: `Bearer ${await accessToken(latchkey)}` };
    await compare('Identification by network, over HTTP', { latchkey, handWritten }, () =>
      identifications(hits, headers),
    );
    for (const server of [latchkey, handWritten]) await stopProcess(server);
  } finally {
    await postgres.stop();
  }
});
