// Checks and issues of tokens, round-robin beside bare Fastify (the upper bound) and hand-written Fastify (one
// prepared statement a request). Prints requests a second and the ratios of CPU time a request, which do not depend
// on how fast the load generator is.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';
import pg from 'pg';
import { EmbeddedPostgres } from '../dist/src/database/embedded/embedded-postgres.js';
import { digestOf, hintOf } from '../dist/src/tokens/digest.js';
import { TOKEN_KINDS } from '../dist/src/tokens/token-kinds.js';
import { freePort, inDataDir, quantile } from './support.js';

const ROUNDS = Number(process.env.ROUNDS ?? 5);
const SECONDS = 2;
const HOT = 1_000;
const NEW_PER_ROUND = 40_000;
const CONNECTIONS = 32;
const APP_TOKEN = '0123456789abcdef0123456789abcdef';
const ADMIN = { email: 'admin@example.org', password: 'an example of a password' };

const children = [];
const path = (name) => fileURLToPath(new URL(name, import.meta.url));

async function startServer(file, env) {
  const port = await freePort();
  const child = spawn(
    process.execPath,
    [...(process.env.PROFILE && file.includes('main') ? ['--cpu-prof'] : []), file],
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
    if (child.exitCode !== null) throw new Error(`${file} stopped with code ${child.exitCode}.`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { url, child };
}

/** User and system time of a process so far, in seconds. */
function cpuOf({ pid }) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function load(server, requests) {
  const before = cpuOf(server.child);
  const result = await autocannon({ url: server.url, connections: CONNECTIONS, duration: SECONDS, requests });
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${result.non2xx} answers were no success, ${result.errors} requests failed.`);
  const count = result.requests.total;
  return { rate: count / result.duration, cpu: ((cpuOf(server.child) - before) / count) * 1e6 };
}

async function storeApiTokens(client, count) {
  const secrets = Array.from({ length: count }, () => TOKEN_KINDS.api.format.mint('live'));
  await client.query(
    `INSERT INTO tokens (kind, digest, hint, gateway_account_id, description)
     SELECT 'api', d, h, 'GATEWAY_ACCOUNT_1', 'bench' FROM unnest($1::bytea[], $2::text[]) AS t (d, h)`,
    [secrets.map(digestOf), secrets.map(hintOf)],
  );
  return secrets;
}

async function post(url, body, headers = {}) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return answer.json();
}

/** One request that takes the next secret each time, whichever connection sends it. */
function bearerRequests(secrets) {
  let next = 0;
  const setupRequest = (request) => {
    next += 1;
    return { ...request, headers: { authorization: `Bearer ${secrets[next % secrets.length]}` } };
  };
  return [{ method: 'GET', path: '/v1/api/auth', headers: { authorization: `Bearer ${secrets[0]}` }, setupRequest }];
}

/** Each scenario: what to ask, and whether it has to be asked of other tokens each time. */
async function scenarios(latchkey, client) {
  const hot = await storeApiTokens(client, HOT);
  const { token: jwt } = await post(`${latchkey.url}/account/session`, { account: ADMIN });
  const { data } = JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url'));
  const login = { username: ADMIN.email, password: ADMIN.password };
  const { token } = await post(`${latchkey.url}/api/v1/token/`, login, { 'app-token': APP_TOKEN });
  const both = { 'app-token': APP_TOKEN, token };
  const { tokens } = await (await fetch(`${latchkey.url}/api/v1/tokens/`, { headers: both })).json();
  return [
    { name: 'API token, 1,000 hot', requests: () => bearerRequests(hot) },
    { name: 'API token, each new', requests: async () => bearerRequests(await storeApiTokens(client, NEW_PER_ROUND)) },
    {
      name: 'App-Token and Token, one record',
      requests: () => [{ method: 'GET', path: `/api/v1/tokens/${tokens[0].id}`, headers: both }],
    },
    {
      name: 'session JWT',
      requests: () => [{ method: 'GET', path: `/accounts/${data.id}`, headers: { authorization: `Bearer ${jwt}` } }],
    },
    {
      name: 'API token issued',
      requests: () => [
        {
          method: 'POST',
          path: '/v1/frontend/auth',
          headers: { 'content-type': 'application/json', 'app-token': APP_TOKEN },
          body: JSON.stringify({ account_id: 'GATEWAY_ACCOUNT_1', description: 'bench' }),
        },
      ],
    },
  ];
}

async function startBoth(databaseUrl, dataDir) {
  const latchkey = await startServer(path('../dist/src/main.js'), {
    DATABASE_URL: databaseUrl,
    DATA_DIR: dataDir,
    SECRET_KEY: 'a secret key for benchmarks only and nowhere else',
    RATE_LIMIT_PER_MINUTE: '0',
    BOOTSTRAP_ADMIN_EMAIL: ADMIN.email,
    BOOTSTRAP_ADMIN_PASSWORD: ADMIN.password,
    BOOTSTRAP_APP_TOKEN: APP_TOKEN,
  });
  const handWritten = await startServer(path('servers/hand-written.js'), { DATABASE_URL: databaseUrl });
  return { latchkey, handWritten };
}

async function exampleBody(server, request) {
  const { method, path: target, headers, body } = request;
  return (await fetch(`${server.url}${target}`, { method, headers, body })).text();
}

process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

await inDataDir(async (dataDir) => {
  const log = { info() {}, warn() {}, error() {} };
  const postgres = await EmbeddedPostgres.start({ dataDir, log, settings: { synchronous_commit: 'off' } });
  const { host, user, password, database } = postgres.connection;
  const databaseUrl = `postgres://${user}:${password}@localhost/${database}?host=${encodeURIComponent(host)}`;
  const client = new pg.Client(postgres.connection);
  await client.connect();
  const { latchkey, handWritten } = await startBoth(databaseUrl, dataDir).catch(async (error) => {
    await postgres.stop();
    throw error;
  });

  for (const { name, requests } of await scenarios(latchkey, client)) {
    const samples = { bare: [], handWritten: [], latchkey: [] };
    const [example] = await requests();
    const bare = await startServer(path('servers/bare.js'), { BODY: await exampleBody(latchkey, example) });
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
  for (const { child } of [latchkey, handWritten]) {
    child.kill('SIGTERM');
    await new Promise((resolve) => child.once('exit', resolve));
  }
  await client.end();
  await postgres.stop();
});
