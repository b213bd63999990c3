// Checking and issuing tokens, alternating with bare Fastify (the upper bound) and hand-written Fastify (one prepared
// statement per request). Prints requests per second and ratios of CPU time per request, which do not depend on the
// load
// generator.
import pg from 'pg';
import { startEmbeddedPostgres } from '../dist/src/database/embedded-postgres.js';
import { digestOf, hintOf } from '../dist/src/tokens/digest.js';
import { TOKEN_KINDS } from '../dist/src/tokens/token-kinds.js';
import { compare, startProcess, stopProcess } from './load.js';
import { inDataDir } from './support.js';

const HOT = 1_000;
const NEW_PER_ROUND = 40_000;
const APP_TOKEN = '0123456789abcdef0123456789abcdef';
const ADMIN = { email: 'admin@example.org', password: 'an example of a password' };

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

/** A request that uses the next secret each time, whichever connection sends it. */
function bearerRequests(secrets) {
  let next = 0;
  const setupRequest = (request) => {
    next += 1;
    return { ...request, headers: { authorization: `Bearer ${secrets[next % secrets.length]}` } };
  };
  return [{ method: 'GET', path: '/v1/api/auth', headers: { authorization: `Bearer ${secrets[0]}` }, setupRequest }];
}

/** The scenarios, with the requests for each turn. */
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
  const latchkey = await startProcess('../dist/src/main.js', {
    DATABASE_URL: databaseUrl,
    DATA_DIR: dataDir,
    SECRET_KEY: 'a secret key for benchmarks only and nowhere else',
    RATE_LIMIT_PER_MINUTE: '0',
    BOOTSTRAP_ADMIN_EMAIL: ADMIN.email,
    BOOTSTRAP_ADMIN_PASSWORD: ADMIN.password,
    BOOTSTRAP_APP_TOKEN: APP_TOKEN,
  });
  const handWritten = await startProcess('servers/hand-written.js', { DATABASE_URL: databaseUrl });
  return { latchkey, handWritten };
}

await inDataDir(async (dataDir) => {
  const log = { info() {}, warn() {}, error() {} };
  const postgres = await startEmbeddedPostgres({ dataDir, log, settings: { synchronous_commit: 'off' } });
  const { host, user, password, database } = postgres.connection;
  const databaseUrl = `postgres://${user}:${password}@localhost/${database}?host=${encodeURIComponent(host)}`;
  const client = new pg.Client(postgres.connection);
  await client.connect();
  const servers = await startBoth(databaseUrl, dataDir).catch(async (error) => {
    await postgres.stop();
    throw error;
  });
  for (const { name, requests } of await scenarios(servers.latchkey, client)) await compare(name, servers, requests);
  for (const server of Object.values(servers)) await stopProcess(server);
  await client.end();
  await postgres.stop();
});
