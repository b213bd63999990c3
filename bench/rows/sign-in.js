// Sign-ins at cost 10, between turns of nothing but hashing on all cores.
import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { again } from '../support/again.js';
import { startLatchkey } from '../support/fixtures.js';
import { json, must } from '../support/http.js';
import { slice } from '../support/load.js';
import { stopProcess } from '../support/processes.js';
import { mean, summary } from '../support/statistics.js';

const ACCOUNTS = 32;
const CONNECTIONS = 16;
const SECONDS = 2;
const ROUNDS = Number(process.env.ROUNDS ?? 4);
const PASSWORD = 'an example of a password';
const HASHES = fileURLToPath(new URL('../servers/hashes.js', import.meta.url));

function hashesPerSecond(node) {
  const env = { PATH: process.env.PATH, SECONDS: String(SECONDS), COST: '10' };
  return Number(execFileSync(node, [HASHES], { env, encoding: 'utf8' }));
}

const signInOf = (index) =>
  json('POST', '/account/session', { account: { email: `sign-in-${index}@example.org`, password: PASSWORD } });

export const signIn = {
  name: 'sign-in at cost 10, of what the cores can hash',
  goals: { 20: 0.9, 24: 0.9 },
  async measure({ database, node }) {
    const env = { BCRYPT_COST: '10', HASHING_THREADS: String(availableParallelism()) };
    const server = await startLatchkey(database, env, { node });
    server.name = 'Latchkey';
    const requests = Array.from({ length: ACCOUNTS }, (_, index) => signInOf(index));
    for (const [index, request] of requests.entries()) {
      const { rows } = await database.client.query('SELECT FROM accounts WHERE email = $1', [
        `sign-in-${index}@example.org`,
      ]);
      if (rows.length === 0) await must(server, { ...request, path: '/accounts' });
    }
    const [shares, rates, hashes, samples] = [[], [], [], []];
    const expected = { status: 200, body: '"token":"' };
    const options = { seconds: SECONDS, connections: CONNECTIONS, database };
    const take = () => again(() => slice(server, requests, expected, options));
    // Warms up.
    await take();
    let before = hashesPerSecond(node);
    for (let round = 0; round < ROUNDS; round += 1) {
      const taken = await take();
      const after = hashesPerSecond(node);
      const possible = mean([before, after]);
      before = after;
      samples.push(taken);
      rates.push(taken.rate);
      hashes.push(possible);
      shares.push(taken.rate / possible);
    }
    await stopProcess(server);
    const of = (name) => summary(samples.map((sample) => sample[name]));
    return {
      value: summary(shares),
      figures: [
        { name: 'nothing but hashing', share: { median: 1, low: 1, high: 1 }, rate: summary(hashes) },
        {
          name: 'Latchkey',
          share: summary(shares),
          rate: summary(rates),
          p50: of('p50'),
          p99: of('p99'),
          cpu: of('cpu'),
          databaseCpu: of('databaseCpu'),
        },
      ],
      remark: `Shares are of what ${availableParallelism()} threads hash (\`HASHING_THREADS=${env.HASHING_THREADS}\`) that have the cores to themselves.`,
    };
  },
};
