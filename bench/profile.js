// Where the CPU of a request goes, for each path of the table but those in LEFT_OUT: the top ten by self time of Node.js's own
// profiler. Arguments name rows of the table to profile only those. BEFORE=… names the dist/src/main.js of an earlier build, whose
// hot check is measured instead, and has a section of its own in bench/RESULTS.md.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROWS } from './rows/index.js';
import { again } from './support/again.js';
import { inDatabase } from './support/database.js';
import { makePeers, startLatchkey } from './support/fixtures.js';
import { slice } from './support/load.js';
import { describeMachine } from './support/machine.js';
import { findNodes } from './support/nodes.js';
import { stopProcess } from './support/processes.js';
import { tableOf, writeSection } from './support/report.js';
import { inDataDir } from './support/start.js';
import { figure } from './support/statistics.js';

const SECONDS = Number(process.env.SECONDS ?? 5);
/** V8 optimizes what has run some ten thousand times. */
const WARM_UP = 2 * SECONDS;
const TOP = 10;
/** These compare something else than requests of one kind, or need more than a minute of things stored. */
const LEFT_OUT = ['new-check', 'identifications', 'sign-in', 'memory', 'workers'];
const PROFILED = ROWS.filter(({ id }) => !LEFT_OUT.includes(id));
const MAIN = process.env.BEFORE ?? fileURLToPath(new URL('../dist/src/main.js', import.meta.url));

/** Where a function is, without the folders of this machine. */
function placeOf({ url, lineNumber }, root) {
  if (url === '') return '';
  const path = url.startsWith('file://') ? relative(root, fileURLToPath(url)) : url;
  return `${path.replace(/^.*node_modules\//, '')}:${lineNumber + 1}`;
}

/** The self times of a profile, in microseconds, of what was sampled in the last `seconds` before `gap` seconds from its end. */
function selfTimes({ nodes, samples, timeDeltas, startTime, endTime }, { root, gap, seconds }) {
  const [from, to] = [endTime - (gap + seconds) * 1e6, endTime - gap * 1e6];
  const byId = new Map(nodes.map((node) => [node.id, node.callFrame]));
  const times = new Map();
  let time = startTime;
  for (const [index, id] of samples.entries()) {
    time += timeDeltas[index];
    const frame = byId.get(id);
    if (time < from || time > to || frame.functionName === '(idle)') continue;
    const key = `${frame.functionName || '(anonymous)'}|${placeOf(frame, root)}`;
    // The time until the next sample is this one's.
    times.set(key, (times.get(key) ?? 0) + Math.max(0, timeDeltas[index + 1] ?? 0));
  }
  return times;
}

/** Puts a row's requests to a server, first to warm it up. @returns what was measured */
async function load(server, row, database) {
  const { requests, status, contains } = await row.prepare(database, [server]);
  const take = (seconds) =>
    again(async () => slice(server, await requests(server), { status, body: contains }, { seconds, database }));
  await take(WARM_UP);
  return take(SECONDS);
}

const startSubject = async (database, options) =>
  Object.assign(await startLatchkey(database, {}, { ...options, main: MAIN }), { kind: 'latchkey' });

/** @returns the top ten of a server under load: function, place, and share of what is not idle */
async function profile(row, database, node, folder) {
  const args = ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-interval=500'];
  const server = await startSubject(database, { node, args });
  await load(server, row, database);
  const ended = performance.now();
  await stopProcess(server);
  const gap = (performance.now() - ended) / 1_000;
  const [file] = readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'));
  const root = join(MAIN, '../../..');
  const found = JSON.parse(readFileSync(join(folder, file), 'utf8'));
  const times = [...selfTimes(found, { root, gap, seconds: SECONDS })].sort((one, other) => other[1] - one[1]);
  const all = times.reduce((sum, [, time]) => sum + time, 0);
  return times.slice(0, TOP).map(([key, time]) => [...key.split('|'), (100 * time) / all]);
}

/** The CPU of a request without the profiler. */
async function plainCpu(row, database, node) {
  const server = await startSubject(database, { node });
  const { cpu, databaseCpu } = await load(server, row, database);
  await stopProcess(server);
  return { cpu, databaseCpu };
}

async function measure(rows, database, nodes) {
  // Makes the tables.
  await stopProcess(await startSubject(database, { node: nodes[0].node }));
  await makePeers(database.client);
  const parts = [];
  for (const row of rows) {
    for (const { node, version } of nodes) {
      const { cpu, databaseCpu } = await plainCpu(row, database, node);
      const top = await inDataDir((own) => profile(row, database, node, own));
      const cells = top.map(([what, where, share]) => [`\`${what}\``, where && `\`${where}\``, figure(share)]);
      const spent = `${figure(cpu)} µs of the server and ${figure(databaseCpu)} µs of PostgreSQL each`;
      parts.push(`### ${row.name}, Node.js ${version}${process.env.BEFORE ? ', before' : ''}: ${spent}`);
      parts.push(tableOf(['function', 'where', '%'], cells));
    }
  }
  return parts;
}

const chosen = process.argv.slice(2);
const named = process.env.BEFORE ? ['hot-check'] : chosen;
const rows = PROFILED.filter(({ id }) => named.length === 0 || named.includes(id));
if (rows.length === 0) throw new Error(`The rows are ${PROFILED.map(({ id }) => id).join(', ')}.`);

await inDataDir(async (folder) => {
  const nodes = findNodes(folder);
  await inDatabase(async (database) => {
    const title = process.env.BEFORE
      ? 'The profile of a hot check, before issue 15'
      : 'Profiles: `npm run bench:profile`';
    const parts = await measure(rows, database, nodes);
    const text = [`## ${title}`, describeMachine(database, nodes, MAIN), ...parts].join('\n\n');
    console.log(text);
    if (chosen.length === 0) await writeSection(process.env.BEFORE ? 'profile before' : 'profile', text);
  });
});
