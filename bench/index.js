// The table of the paths that are taken most, on Node 20 and 24, each beside bare Fastify and its peers: bench/RESULTS.md.
// docs/performance.md says how to run and read it.
import { inDataDir } from './support/start.js';
import { inDatabase } from './support/database.js';
import { findNodes } from './support/nodes.js';
import { describeMachine } from './support/machine.js';
import { writeSection } from './support/report.js';
import { linesOf } from './support/table.js';
import { runRows } from './support/run.js';
import { ROWS } from './rows/index.js';

const begun = performance.now();
const chosen = process.argv.slice(2);
const rows = ROWS.filter(({ id }) => chosen.length === 0 || chosen.includes(id));
if (rows.length === 0) throw new Error(`The rows are ${ROWS.map(({ id }) => id).join(', ')}.`);

await inDataDir(async (folder) => {
  const nodes = findNodes(folder);
  await inDatabase(async (database) => {
    const results = await runRows(rows, nodes, database);
    const minutes = ((performance.now() - begun) / 60_000).toFixed(1);
    const text = [
      '## The table: `npm run bench`',
      describeMachine(database, nodes),
      `${database.stored.toLocaleString('en')} tokens were stored. The run took ${minutes} minutes.`,
      ...linesOf(rows, nodes, results),
    ].join('\n\n');
    console.log(text);
    if (chosen.length === 0) await writeSection('bench', text);
  });
});
