// First-time look-ups of tokens, with ever more of them stored.
import { hash } from 'node:crypto';
import { checkOf } from '../rows/hot-check.js';
import { again } from '../support/again.js';
import { settle, startLatchkey, storeTokens } from '../support/fixtures.js';
import { slice } from '../support/load.js';
import { startProcess, stopProcess } from '../support/processes.js';
import { tableOf } from '../support/report.js';
import { figure, middle, summary } from '../support/statistics.js';

const SIZES = (process.env.SIZES ?? '1000,1000000,10000000').split(',').map(Number);
const SECONDS = Number(process.env.SLICE ?? 2);
const ROUNDS = Number(process.env.ROUNDS ?? 5);
/** How many different tokens are shown, about, spread over all that are stored, and how many of them in a slice. */
const SHOWN = 100_000;
const PER_SLICE = 20_000;
const GOAL = 1.3;

/** Memory for one token, so that each look-up goes to the database, also when there are few tokens. */
const NOTHING_REMEMBERED = { CACHE_SIZE: '1' };

/**
 * Evenly spread over all that are stored, and mixed: in the order in which they were stored, a slice would show the first of them only.
 * @param parts of what is stored, in the order in which it was, and `every`: of how many one secret is known
 */
function mixed(parts) {
  const rarest = Math.max(...parts.map(({ every }) => every));
  const secrets = parts.flatMap(({ secrets, every }) =>
    secrets.filter((_, at) => at % Math.round(rarest / every) === 0),
  );
  const keyed = secrets.map((secret) => [hash('sha256', secret), secret]);
  return keyed.sort(([one], [other]) => (one < other ? -1 : 1)).map(([, secret]) => secret);
}

async function measure(database, secrets, node) {
  let turn = 0;
  /** Each slice shows others than the one before, also after that of the other server. */
  const take = () => {
    const begin = (turn % Math.ceil(secrets.length / PER_SLICE)) * PER_SLICE;
    turn += 1;
    return secrets.slice(begin, begin + PER_SLICE).map(checkOf);
  };
  const latchkey = await startLatchkey(database, NOTHING_REMEMBERED, node);
  const peer = await startProcess('servers/hand-written.js', { DATABASE_URL: database.url }, node);
  const samples = new Map([peer, latchkey].map((server) => [server, []]));
  const expected = { status: 200, body: 'GATEWAY_ACCOUNT_1' };
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const server of [peer, latchkey]) {
      const taken = await again(() => slice(server, take(), expected, { seconds: SECONDS, database }));
      if (round > 0) samples.get(server).push(taken);
    }
  }
  for (const server of [latchkey, peer]) await stopProcess(server);
  const of = (server, name) => summary(samples.get(server).map((sample) => sample[name]));
  return {
    peer: of(peer, 'p99'),
    p50: of(latchkey, 'p50'),
    p99: of(latchkey, 'p99'),
    rate: of(latchkey, 'rate'),
    databaseCpu: of(latchkey, 'databaseCpu'),
  };
}

export async function lookUps(database, nodes) {
  const [parts, results] = [[], new Map(nodes.map((node) => [node, []]))];
  let stored = 0;
  for (const size of SIZES) {
    console.error(`  storing ${size.toLocaleString('en')} tokens …`);
    const every = Math.max(1, Math.round(size / SHOWN));
    parts.push({ secrets: await storeTokens(database.client, size - stored, every), every });
    stored = size;
    await settle(database.client);
    const secrets = mixed(parts);
    for (const node of nodes) results.get(node).push({ size, ...(await measure(database, secrets, node)) });
  }
  const head = [
    'stored',
    'a second',
    'p50, ms',
    'p99, ms',
    'CPU of PostgreSQL, µs',
    'p99 of the hand-written peer, ms',
  ];
  return [
    '## First-time look-ups: `npm run bench:scale -- look-ups`',
    'Nothing is remembered (`CACHE_SIZE=1`); about 100,000 different tokens are shown, where there are so many, spread over all that are stored and in no order.',
    ...nodes.flatMap((node) => {
      const lines = results.get(node);
      const growth = lines.at(-1).p99.median / lines[0].p99.median;
      const cells = lines.map(({ size, rate, p50, p99, databaseCpu, peer }) => [
        size.toLocaleString('en'),
        ...[rate, p50, p99, databaseCpu, peer].map(middle),
      ]);
      return [
        `Node.js ${node.version}: p99 with the most is ${figure(growth)} times that with the fewest, of ${GOAL} at most: ${growth <= GOAL ? 'pass' : '**miss**'}`,
        tableOf(head, cells),
      ];
    }),
  ];
}
