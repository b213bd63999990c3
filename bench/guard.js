// A guard against creeping: the CPU of a hot check as a ratio to that of bare Fastify beside it, in many short turns. CPU time
// and not rates, so that a busy machine says the same. Warns at 15 % above the ratio that was recorded, fails at 50 %.
// `npm run bench:guard -- --record` records the ratio of this Node.js.
import { readFileSync, writeFileSync } from 'node:fs';
import { hotCheck } from './rows/hot-check.js';
import { again } from './support/again.js';
import { inDatabase } from './support/database.js';
import { makePeers, startLatchkey } from './support/fixtures.js';
import { slice } from './support/load.js';
import { startProcess, stopProcess } from './support/processes.js';
import { figure, median, middle, summary } from './support/statistics.js';

const RECORD = new URL('recorded.json', import.meta.url);
const TURNS = 30;
/** As many in each turn, however long they take: what connections cost has the same share. */
const REQUESTS = 3_000;
const WARM_UP = 40_000;
const WARNS = 1.15;
const FAILS = 1.5;
const major = process.versions.node.split('.')[0];

/** @returns the ratio of each turn */
async function measure(database) {
  const latchkey = await startLatchkey(database);
  await makePeers(database.client);
  const { requests, ...row } = await hotCheck.prepare(database);
  const example = await fetch(`${latchkey.url}${row.example().path}`, { headers: row.example().headers });
  const bare = await startProcess('servers/bare.js', { BODY: await example.text() });
  const expected = { status: row.status, body: row.contains };
  const take = (server, amount) => again(() => slice(server, requests(), expected, { amount }));
  for (const server of [bare, latchkey]) await take(server, WARM_UP);
  const ratios = [];
  for (let turn = 0; turn < TURNS; turn += 1) {
    const order = turn % 2 === 0 ? [bare, latchkey] : [latchkey, bare];
    const cpu = new Map();
    for (const server of order) cpu.set(server, (await take(server, REQUESTS)).cpu);
    ratios.push(cpu.get(latchkey) / cpu.get(bare));
  }
  for (const server of [latchkey, bare]) await stopProcess(server);
  return ratios;
}

const ratios = await inDatabase(measure);
const ratio = median(ratios);
const recorded = JSON.parse(readFileSync(RECORD, 'utf8'));
console.log(
  `A hot check takes ${middle(summary(ratios))} times the CPU of bare Fastify on Node.js ${process.version}.`,
);
if (process.argv.includes('--record')) {
  recorded[major] = Number(ratio.toFixed(2));
  writeFileSync(RECORD, `${JSON.stringify(recorded, undefined, 2)}\n`);
} else if (recorded[major] === undefined) {
  console.log(`No ratio is recorded for Node.js ${major}: npm run bench:guard -- --record`);
} else {
  const growth = ratio / recorded[major];
  const said = `${figure(growth)} times the ${recorded[major]} that is recorded in bench/recorded.json`;
  if (growth > FAILS) {
    console.error(`That is ${said}: something has made every check dearer.`);
    process.exitCode = 1;
  } else if (growth > WARNS) console.warn(`Warning: that is ${said}. Look at npm run bench:profile.`);
  else console.log(`That is ${said}.`);
}
