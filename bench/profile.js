// Where the CPU of a hot check goes: the top ten by self time of Node.js's own profiler. BEFORE=… names the dist/src/main.js
// of an earlier build, which is measured instead, and has a section of its own in bench/RESULTS.md.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hotCheck } from './rows/hot-check.js';
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
const TOP = 10;
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

/** @returns the top ten of a server under load: function, place, and share of what is not idle */
async function profile(database, node, folder) {
  const args = ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-interval=500'];
  const server = await startLatchkey(database, {}, { node, main: MAIN, args });
  const { requests, status, contains } = await hotCheck.prepare(database);
  const take = (seconds) => again(() => slice(server, requests(), { status, body: contains }, { seconds }));
  await take(2);
  await take(SECONDS);
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

/** The CPU of a check without the profiler. */
async function plainCpu(database, node) {
  const server = await startLatchkey(database, {}, { node, main: MAIN });
  const { requests, status, contains } = await hotCheck.prepare(database);
  const take = (seconds) => again(() => slice(server, requests(), { status, body: contains }, { seconds }));
  await take(2);
  const { cpu } = await take(SECONDS);
  await stopProcess(server);
  return cpu;
}

async function measure(database, folder, nodes) {
  // Makes the tables.
  await stopProcess(await startLatchkey(database, {}, { node: nodes[0].node, main: MAIN }));
  await makePeers(database.client);
  const parts = [];
  for (const { node, version } of nodes) {
    const cpu = await plainCpu(database, node);
    const top = await inDataDir((own) => profile(database, node, own));
    const rows = top.map(([what, where, share]) => [`\`${what}\``, where && `\`${where}\``, figure(share)]);
    parts.push(`### Node.js ${version}${process.env.BEFORE ? ', before' : ''}: ${figure(cpu)} µs a check`);
    parts.push(tableOf(['function', 'where', '%'], rows));
  }
  return parts;
}

await inDataDir(async (folder) => {
  const nodes = findNodes(folder);
  await inDatabase(async (database) => {
    const title = process.env.BEFORE ? 'before issue 15' : '`npm run bench:profile`';
    const parts = await measure(database, folder, nodes);
    const text = [`## The profile of a hot check: ${title}`, describeMachine(database, nodes, MAIN), ...parts].join(
      '\n\n',
    );
    console.log(text);
    await writeSection(process.env.BEFORE ? 'profile before' : 'profile', text);
  });
});
