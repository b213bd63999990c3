// New tokens at a steady rate that live a minute: sizes, latencies and memory over time.
import { mkdirSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { residentMemory } from '../support/cpu.js';
import { BASIC, settle, startLatchkey } from '../support/fixtures.js';
import { form } from '../support/http.js';
import { plot } from '../support/plot.js';
import { stopProcess } from '../support/processes.js';
import { PATH, tableOf } from '../support/report.js';
import { figure, median, quantile } from '../support/statistics.js';

const SECONDS = Number(process.env.SOAK_SECONDS ?? 600);
const RATE = Number(process.env.SOAK_RATE ?? 500);
const LIFE = Number(process.env.SOAK_LIFE ?? 60);
const SAMPLES = 60;
/** Requests are sent in ticks of so many milliseconds. */
const TICK = 10;
/** How much the last third may be above the middle one. */
const FLAT = 1.2;
/** Beside the file for the results. */
const PLOTS = new URL('plots/', PATH);
const MIB = 2 ** 20;

const SIZES = `SELECT pg_table_size('tokens')::float8 AS "table", pg_indexes_size('tokens')::float8 AS indexes`;

/** Sends requests when they are due, whether or not the ones before were answered; latencies count from then. */
async function steadily({ url }, seconds, note) {
  const { path, ...request } = form('/oauth/token', { grant_type: 'client_credentials' }, { authorization: BASIC });
  const begun = performance.now();
  const under = new Set();
  for (let sent = 0; performance.now() - begun < seconds * 1_000; await pause(TICK)) {
    for (; sent < ((performance.now() - begun) / 1_000) * RATE; sent += 1) {
      const due = begun + (sent / RATE) * 1_000;
      const one = fetch(url + path, request)
        .then(async (answer) => {
          const text = await answer.text();
          note(performance.now() - due, answer.status === 200 && text.includes('"access_token":"'));
        })
        .catch(() => note(performance.now() - due, false))
        .finally(() => under.delete(one));
      under.add(one);
    }
  }
  await Promise.all(under);
}

async function measure(database, node) {
  await database.client.query('TRUNCATE tokens CASCADE');
  await settle(database.client);
  const env = { OAUTH_TOKEN_TTL: String(LIFE), TOKEN_RETENTION: '1' };
  const server = await startLatchkey(database, env, node);
  await steadily(server, Math.min(5, SECONDS), () => undefined);
  let [latencies, wrong, count] = [[], 0, 0];
  const samples = [];
  const begun = performance.now();
  const sample = async () => {
    const taken = latencies;
    latencies = [];
    const { rows } = await database.client.query(SIZES);
    samples.push({
      time: (performance.now() - begun) / 1_000,
      table: rows[0].table / MIB,
      indexes: rows[0].indexes / MIB,
      p99: taken.length > 0 ? quantile(taken, 0.99) : 0,
      memory: residentMemory(server.pid) * 1.048576,
    });
  };
  const timer = setInterval(() => void sample(), (SECONDS * 1_000) / SAMPLES);
  await steadily(server, SECONDS, (took, isRight) => {
    latencies.push(took);
    count += 1;
    if (!isRight) wrong += 1;
  });
  clearInterval(timer);
  await stopProcess(server);
  return { samples, wrong, count };
}

const FIGURES = {
  table: ['table, MiB', 'size'],
  indexes: ['indexes, MiB', 'size'],
  p99: ['p99, ms', 'p99'],
  memory: ['memory of the server, MB', 'memory'],
};

/** Medians of the thirds of a run. */
function thirds(samples, name) {
  const third = Math.ceil(samples.length / 3);
  return [0, 1, 2].map((index) =>
    median(samples.slice(index * third, (index + 1) * third).map((sample) => sample[name])),
  );
}

/** One plot of sizes, one of latencies, one of memory: a line for each Node.js. */
function writePlots(nodes, results) {
  mkdirSync(PLOTS, { recursive: true });
  const linesOf = (names) =>
    nodes.flatMap(({ major }, index) =>
      names.map((name) => ({
        label: names.length > 1 ? `${name}, Node ${major}` : `Node ${major}`,
        points: results[index].samples.map((sample) => [sample.time, sample[name]]),
      })),
    );
  const titles = {
    size: ['Size of the token table and its indexes, MiB', ['table', 'indexes']],
    p99: ['p99 of POST /oauth/token, ms', ['p99']],
    memory: ['Resident memory of the server, MB', ['memory']],
  };
  for (const [file, [title, names]] of Object.entries(titles)) {
    writeFileSync(new URL(`soak-${file}.svg`, PLOTS), plot(title, 'seconds', linesOf(names)));
  }
}

export async function soak(database, nodes) {
  const results = [];
  for (const node of nodes) results.push(await measure(database, node));
  writePlots(nodes, results);
  const cells = nodes.flatMap(({ version }, index) =>
    Object.entries(FIGURES).map(([name, [label]]) => {
      const [first, second, third] = thirds(results[index].samples, name);
      return [version, label, ...[first, second, third].map(figure), third <= FLAT * second ? 'pass' : '**miss**'];
    }),
  );
  const counts = results.map(
    ({ count, wrong }, index) =>
      `${nodes[index].version} ${count.toLocaleString('en')}, ${wrong} of them not answered rightly`,
  );
  return [
    '## The soak: `npm run bench:scale -- soak`',
    `${RATE} tokens a second by \`POST /oauth/token\` for ${SECONDS} seconds, each good for ${LIFE} seconds and kept one more (\`TOKEN_RETENTION=1\`). Issued on ${counts.join('; on ')}.`,
    `Medians of the thirds of the run. Flat is a last third of at most ${FLAT} times the middle one.`,
    tableOf(['Node.js', '', 'first', 'middle', 'last', 'flat'], cells),
    ...['size', 'p99', 'memory'].map((file) => `![${file} over time](plots/soak-${file}.svg)`),
  ];
}
