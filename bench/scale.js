// What depends on how much is stored and for how long it runs, on Node 20 and 24: an hour. Each part writes its
// section of bench/RESULTS.md, and the soak its plots. docs/performance.md says how to make it small.
import { identificationsAtScale } from './scale/identifications.js';
import { lookUps } from './scale/look-ups.js';
import { soak } from './scale/soak.js';
import { makePeers, startLatchkey } from './support/fixtures.js';
import { inDatabase } from './support/database.js';
import { describeMachine } from './support/machine.js';
import { findNodes } from './support/nodes.js';
import { stopProcess } from './support/processes.js';
import { writeSection } from './support/report.js';
import { inDataDir } from './support/start.js';

const PARTS = { 'look-ups': lookUps, identifications: identificationsAtScale, soak };
const chosen = process.argv.slice(2);
const parts = Object.entries(PARTS).filter(([name]) => chosen.length === 0 || chosen.includes(name));
if (parts.length === 0) throw new Error(`The parts are ${Object.keys(PARTS).join(', ')}.`);

/** Each part has a database of its own. @returns its section of the results */
async function run(name, part, nodes) {
  const begun = performance.now();
  return inDatabase(async (database) => {
    console.error(`${name} …`);
    await stopProcess(await startLatchkey(database, {}, nodes[0]));
    await makePeers(database.client);
    const machine = describeMachine(database, nodes);
    const [title, ...lines] = await part(database, nodes);
    const minutes = ((performance.now() - begun) / 60_000).toFixed(0);
    return [title, machine, `It took ${minutes} minutes.`, ...lines].join('\n\n');
  });
}

await inDataDir(async (folder) => {
  const nodes = findNodes(folder);
  for (const [name, part] of parts) {
    const section = await run(name, part, nodes);
    console.log(section);
    await writeSection(name, section);
  }
});
