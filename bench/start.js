// The time from the start of the process until /readyz succeeds, compared with PostgreSQL alone: first and later
// starts.
import { startEmbeddedPostgres } from '../dist/src/database/embedded-postgres.js';
import { inDataDir, startServer } from './support/start.js';
import { ms, quantile } from './support/statistics.js';

const ROUNDS = 5;
const log = { info() {}, warn() {}, error() {} };

async function postgresAlone(dataDir) {
  const begun = performance.now();
  const postgres = await startEmbeddedPostgres({ dataDir, log });
  const took = performance.now() - begun;
  await postgres.stop();
  return took;
}

async function latchkey(dataDir) {
  const server = await startServer(dataDir);
  const stopped = await server.stop();
  return { ready: server.ready, stopped };
}

const times = { firstBaseline: [], first: [], laterBaseline: [], later: [], stop: [] };
for (let round = 0; round < ROUNDS; round += 1) {
  await inDataDir(async (dataDir) => {
    times.firstBaseline.push(await postgresAlone(dataDir));
    times.laterBaseline.push(await postgresAlone(dataDir));
  });
  await inDataDir(async (dataDir) => {
    times.first.push((await latchkey(dataDir)).ready);
    const { ready, stopped } = await latchkey(dataDir);
    times.later.push(ready);
    times.stop.push(stopped);
  });
}
const median = (name) => quantile(times[name], 0.5);
const line = (name, baseline) =>
  `${ms(median(name))} (${(median(name) / median(baseline)).toFixed(2)} x PostgreSQL alone, ${ms(median(baseline))})`;
console.log(`Start, medians of ${ROUNDS}:`);
console.log(`  first start   ${line('first', 'firstBaseline')}`);
console.log(`  later start   ${line('later', 'laterBaseline')}`);
console.log(`  stop          ${ms(median('stop'))}`);
