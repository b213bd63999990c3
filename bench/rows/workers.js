// As many workers as there are cores beside one, on the dearest of the paths that are answered from memory, as the load generator
// needs a share of the same cores.
import { availableParallelism } from 'node:os';
import { again } from '../support/again.js';
import { startLatchkey } from '../support/fixtures.js';
import { slice } from '../support/load.js';
import { stopProcess } from '../support/processes.js';
import { figure, median, summary } from '../support/statistics.js';
import { appToken } from './app-token.js';

const WORKERS = availableParallelism();
const SECONDS = Number(process.env.SLICE ?? 0.4);
const ROUNDS = Number(process.env.ROUNDS ?? 4);
/** V8 optimizes what has run some ten thousand times, in each worker by itself. */
const WARM_UP = { one: 12 * SECONDS, many: 20 * SECONDS };

export const workers = {
  name: `\`WEB_CONCURRENCY=${WORKERS}\`, times the rate of one process (App-Token and Token)`,
  goals: { 20: 1.7, 24: 1.7 },
  async measure({ database, node }) {
    const one = await startLatchkey(database, {}, { node });
    const many = await startLatchkey(database, { WEB_CONCURRENCY: String(WORKERS) }, { node });
    Object.assign(one, { kind: 'latchkey', name: 'Latchkey, one process' });
    Object.assign(many, { kind: 'latchkey', name: `Latchkey, ${WORKERS} workers` });
    const { requests, status, contains } = await appToken.prepare(database, [one]);
    const take = (server, seconds) =>
      again(() => slice(server, requests(), { status, body: contains }, { seconds, database }));
    await take(one, WARM_UP.one);
    await take(many, WARM_UP.many);
    const rounds = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = await take(one, SECONDS);
      const taken = await take(many, SECONDS);
      const after = await take(one, SECONDS);
      rounds.push({ one: [before, after], many: [taken], times: (2 * taken.rate) / (before.rate + after.rate) });
    }
    for (const server of [one, many]) await stopProcess(server);
    const of = (key, name) => summary(rounds.flatMap((round) => round[key]).map((sample) => sample[name]));
    const cpu = median(rounds.map((round) => (round.one[0].cpu + round.one[1].cpu) / 2 / round.many[0].cpu));
    return {
      value: summary(rounds.map(({ times }) => times)),
      figures: [
        ['one', one.name],
        ['many', many.name],
      ].map(([key, name]) => ({
        name,
        ...Object.fromEntries(
          ['rate', 'p50', 'p99', 'cpu', 'databaseCpu'].map((figures) => [figures, of(key, figures)]),
        ),
      })),
      remark: `By the CPU of a check, ${WORKERS} workers with a core each serve ${figure(WORKERS * cpu)} times what one does; here the load generator shares the cores.`,
    };
  },
};
