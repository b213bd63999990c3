// What was measured, as Markdown.
import { tableOf } from './report.js';
import { figure, middle } from './statistics.js';

/** @returns the share, and whether it reaches the goal */
function verdict(row, major, result) {
  const goal = row.goals[major];
  if (result.failed) return '**failed**';
  const { median } = result.value;
  const reached = row.isSmallerBetter ? median <= goal : median >= goal;
  return `${middle(result.value)} of ${goal}: ${reached ? 'pass' : '**miss**'}`;
}

/** The best of the peers, which are all but bare Fastify, Latchkey, and what they are made of. */
function bestPeer(result) {
  const peers = (result?.figures ?? []).filter(({ name }) => !/bare|alone|Latchkey|nothing/.test(name));
  if (peers.length === 0) return '–';
  const best = peers.reduce((one, other) => (other.share.median > one.share.median ? other : one));
  return `${figure(best.share.median)} ${best.name}`;
}

function details({ figures, remark, failed }, { version }) {
  if (failed) return [`Node.js ${version}: ${failed}`];
  const head = ['', 'a second', 'of bare', 'p50, ms', 'p99, ms', 'CPU of the server, µs', 'CPU of PostgreSQL, µs'];
  const cell = (value) => (value ? middle(value) : '–');
  const lines = figures.map((line) => [
    line.name,
    cell(line.rate),
    cell(line.share),
    cell(line.p50),
    cell(line.p99),
    cell(line.cpu),
    cell(line.databaseCpu),
  ]);
  return [
    `Node.js ${version}${figures.length > 0 ? '' : `: ${remark}`}`,
    ...(figures.length > 0 ? [tableOf(head, lines), ...(remark ? [remark] : [])] : []),
  ];
}

/** The summary, and after it a table for each row and each Node.js. */
export function linesOf(rows, nodes, results) {
  const head = [
    'path',
    ...nodes.map(({ major }) => `Node ${major}`),
    ...nodes.map(({ major }) => `best peer, ${major}`),
  ];
  const summaryRows = rows.map((row) => [
    row.name,
    ...nodes.map(({ major }) => verdict(row, major, results.get(row.id)[major])),
    ...nodes.map(({ major }) => bestPeer(results.get(row.id)[major])),
  ]);
  return [
    'Shares of the rate of bare Fastify that was measured around each slice: medians (middle halves) over the rounds, and the goals.',
    tableOf(head, summaryRows),
    ...rows.flatMap((row) => [
      `### ${row.name}`,
      ...nodes.flatMap((node) => details(results.get(row.id)[node.major], node)),
    ]),
  ];
}
