// What PostgreSQL does for an identification by network, where there are many networks and where many accounts share one.
import { visitFrom } from '../rows/identifications.js';
import { again } from '../support/again.js';
import { accessTokens, settle, startLatchkey } from '../support/fixtures.js';
import { slice } from '../support/load.js';
import { searchNothing, storeNetworks } from '../support/networks.js';
import { stopProcess } from '../support/processes.js';
import { tableOf } from '../support/report.js';
import { figure } from '../support/statistics.js';

const NETWORKS = Number(process.env.NETWORKS ?? 200_000);
const SHARING = Number(process.env.SHARING ?? 50_000);
const REQUESTS = 2_000;
/** In milliseconds. */
const GOAL = 1;
const SHARED = '198.18.0.0/24';

const SHARE = `
  WITH made AS (
    INSERT INTO accounts (name, individual, created_at)
    SELECT 'organisation 0' || n, false, now() - n * interval '1 second' FROM generate_series(1, ${SHARING}) n RETURNING id)
  INSERT INTO account_networks (account_id, network) SELECT id, '${SHARED}' FROM made`;

/** Execution times of all statements but those that begin and end transactions, for each request, in milliseconds. */
const TIMES = `
  SELECT sum(total_exec_time) / $1 AS all, max(total_exec_time / $1) AS longest, sum(calls) / $1 AS statements
  FROM pg_stat_statements WHERE query !~* '^(begin|start|commit|rollback|listen|notify|set|select pg_notify)'`;

async function measure({ client, ...database }, addresses, node) {
  const server = await startLatchkey(database, {}, node);
  const [token] = await accessTokens(server, 1);
  const requests = addresses.map((ip) => visitFrom(ip, token));
  const expected = { status: 201, body: '"account":{' };
  // One after the other: in a queue, the time would be that of the queue.
  const take = (amount) => again(() => slice(server, requests, expected, { amount, connections: 1 }));
  await take(200);
  await client.query('SELECT pg_stat_statements_reset()');
  await take(REQUESTS);
  const { rows } = await client.query(TIMES, [REQUESTS]);
  await stopProcess(server);
  return rows[0];
}

export async function identificationsAtScale(database, nodes) {
  const { client } = database;
  await client.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
  const all = await storeNetworks(client, NETWORKS, REQUESTS);
  await client.query(SHARE);
  await searchNothing(client);
  await settle(client);
  const shared = Array.from({ length: 200 }, (_, index) => `198.18.0.${index}`);
  const cases = [
    [`${NETWORKS.toLocaleString('en')} networks`, all],
    [`${SHARING.toLocaleString('en')} accounts share the network`, shared],
  ];
  const cells = [];
  for (const [name, addresses] of cases) {
    for (const node of nodes) {
      const { all: time, statements } = await measure(database, addresses, node);
      cells.push([name, node.version, figure(time), figure(Number(statements)), time < GOAL ? 'pass' : '**miss**']);
    }
  }
  return [
    '## `POST /api/identifications` in the database: `npm run bench:scale -- identifications`',
    `Execution times of pg_stat_statements, over ${REQUESTS.toLocaleString('en')} requests one after the other; at most ${GOAL} ms for each.`,
    tableOf(['', 'Node.js', 'ms a request', 'statements a request', ''], cells),
  ];
}
