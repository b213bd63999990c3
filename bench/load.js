import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';
import { freePort, quantile } from './support.js';

const ROUNDS = Number(process.env.ROUNDS ?? 5);
const SECONDS = 2;
const CONNECTIONS = 32;

const children = [];
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** Starts a server and waits until it responds. `file` is relative to this folder. */
export async function startProcess(file, env) {
  const port = await freePort();
  const child = spawn(
    process.execPath,
    [
      ...(process.env.PROFILE && file.includes('main') ? ['--cpu-prof'] : []),
      fileURLToPath(new URL(file, import.meta.url)),
    ],
    {
      env: { ...process.env, ...env, PORT: String(port), LOG_LEVEL: 'error' },
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  children.push(child);
  const url = `http://127.0.0.1:${port}`;
  for (;;) {
    const answer = await fetch(`${url}/readyz`).catch(() => undefined);
    if (answer) break;
    if (child.exitCode !== null) throw new Error(`${file} exited with code ${child.exitCode}.`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { url, child };
}

export async function stopProcess({ child }) {
  child.kill('SIGTERM');
  await new Promise((resolve) => child.once('exit', resolve));
}

/**
 * Sends requests to Latchkey, bare Fastify and hand-written Fastify in turns, and prints requests per second and ratios
 * of CPU time per request.
 * @param requests returns the requests for autocannon; called for each turn
 */
export async function compare(name, { latchkey, handWritten }, requests) {
  const samples = { bare: [], handWritten: [], latchkey: [] };
  const [example] = await requests();
  const bare = await startProcess('servers/bare.js', { BODY: await exampleBody(latchkey, example) });
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [key, server] of Object.entries({ bare, handWritten, latchkey })) {
      const sample = await load(server, await requests());
      // The first round warms up.
      if (round > 0) samples[key].push(sample);
    }
  }
  bare.child.kill();
  const median = (key, figure) =>
    quantile(
      samples[key].map((sample) => sample[figure]),
      0.5,
    );
  const ratio = (key) => (median(key, 'cpu') / median('latchkey', 'cpu')).toFixed(2);
  const rate = (key) => `${Math.round(median(key, 'rate'))}/s`;
  const rateRatio = (key) => (median('latchkey', 'rate') / median(key, 'rate')).toFixed(2);
  console.log(name);
  console.log(`  Latchkey ${rate('latchkey')}, bare Fastify ${rate('bare')}, hand-written ${rate('handWritten')}`);
  console.log(`  rate: ${rateRatio('bare')} of bare, ${rateRatio('handWritten')} of hand-written`);
  console.log(`  CPU a request: ${ratio('bare')} of bare, ${ratio('handWritten')} of hand-written`);
}

async function load(server, requests) {
  const before = cpuOf(server.child);
  const result = await autocannon({ url: server.url, connections: CONNECTIONS, duration: SECONDS, requests });
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${result.non2xx} responses were not 2xx, and ${result.errors} requests failed.`);
  const count = result.requests.total;
  return { rate: count / result.duration, cpu: ((cpuOf(server.child) - before) / count) * 1e6 };
}

/** The user and system time of a process so far, in seconds. */
function cpuOf({ pid }) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function exampleBody(server, request) {
  const { method, path: target, headers, body } = request;
  return (await fetch(`${server.url}${target}`, { method, headers, body })).text();
}
