// What is stored before a measurement, for Latchkey and for its peers.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { digestOf, hintOf } from '../../dist/src/tokens/digest.js';
import { TOKEN_KINDS } from '../../dist/src/tokens/token-kinds.js';
import { PEER_SCHEMA } from '../servers/schema.js';
import { again } from './again.js';
import { form, json, must } from './http.js';
import { startProcess } from './processes.js';

export const CLIENT = { id: 'bench', secret: randomBytes(32).toString('base64url') };
export const ADMIN = { email: 'admin@example.org', password: 'an example of a password' };
export const APP_TOKEN = randomBytes(16).toString('hex');
export const BASIC = `Basic ${Buffer.from(`${CLIENT.id}:${CLIENT.secret}`).toString('base64')}`;
/** What `npm start` gives to Node.js. */
const { scripts } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
const START = scripts.start.split(' ').filter((word) => word.startsWith('--'));
const PER_STATEMENT = 50_000;

/** Latchkey as it comes, but for its limits on requests of one address. @param options.main another build's */
export function startLatchkey(database, env = {}, { main = '../dist/src/main.js', ...options } = {}) {
  const settings = {
    DATABASE_URL: database.url,
    DATA_DIR: database.dataDir,
    SECRET_KEY: 'RtX9cW2qPz7LmVb4HsKd8YfJ3nGwQe6U',
    RATE_LIMIT_PER_MINUTE: '0',
    WRITE_LIMIT_PER_MINUTE: '0',
    SHUTDOWN_DELAY: '0',
    BOOTSTRAP_ADMIN_EMAIL: ADMIN.email,
    BOOTSTRAP_ADMIN_PASSWORD: ADMIN.password,
    BOOTSTRAP_APP_TOKEN: APP_TOKEN,
    BOOTSTRAP_CLIENT_ID: CLIENT.id,
    BOOTSTRAP_CLIENT_SECRET: CLIENT.secret,
    ...env,
  };
  return again(() => startProcess(main, settings, { ...options, args: [...START, ...(options.args ?? [])] }));
}

/** The peers' tables, with the client. */
export async function makePeers(client) {
  await client.query(PEER_SCHEMA);
  await client.query('INSERT INTO peer.clients VALUES ($1, $2, $3)', [
    CLIENT.id,
    digestOf(CLIENT.secret),
    'read write',
  ]);
}

/**
 * Mints API tokens and stores them, for Latchkey and for the peers.
 * @param every which of them are kept: each, or each tenth and so on
 * @returns the secrets of those that are kept
 */
export async function storeTokens(client, count, every = 1) {
  const secrets = [];
  for (let done = 0; done < count; done += PER_STATEMENT) {
    const some = Array.from({ length: Math.min(PER_STATEMENT, count - done) }, () =>
      TOKEN_KINDS.api.format.mint('live'),
    );
    const values = [some.map(digestOf), some.map(hintOf)];
    await client.query(
      `WITH t AS (SELECT * FROM unnest($1::bytea[], $2::text[]) AS t (digest, hint)),
         peer AS (INSERT INTO peer.api_tokens (digest, account_id) SELECT digest, 'GATEWAY_ACCOUNT_1' FROM t)
       INSERT INTO tokens (kind, digest, hint, gateway_account_id, description)
       SELECT 'api', digest, hint, 'GATEWAY_ACCOUNT_1', 'bench' FROM t`,
      values,
    );
    for (let index = 0; index < some.length; index += every) secrets.push(some[index]);
  }
  return secrets;
}

/** Stores API tokens that nobody has, of many accounts, for Latchkey and for the peers. */
export async function fillTokens({ client, url }, count) {
  const other = new pg.Client({ connectionString: url });
  await other.connect();
  const made = `SELECT sha256(gen_random_uuid()::text::bytea) AS digest, 'ACCOUNT_' || n % 50000 AS account FROM generate_series(1, $1::int) n`;
  try {
    await Promise.all([
      withoutIndexes(client, 'tokens', () =>
        client.query(
          `INSERT INTO tokens (kind, digest, hint, gateway_account_id, description)
           SELECT 'api', digest, 'abcd', account, 'bench' FROM (${made}) t`,
          [count],
        ),
      ),
      other.query(`INSERT INTO peer.api_tokens (digest, account_id) SELECT digest, account FROM (${made}) t`, [count]),
    ]);
  } finally {
    await other.end();
  }
  await settle(client);
}

/**
 * Calls `work` while a table has only its unique indexes: to make the others once takes a third of the time. They are fuller than
 * those that have grown, which only lists of tokens would notice.
 */
async function withoutIndexes(client, table, work) {
  const { rows } = await client.query(
    `SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition
     FROM pg_index i WHERE i.indrelid = $1::regclass AND NOT i.indisunique`,
    [table],
  );
  for (const { name } of rows) await client.query(`DROP INDEX ${name}`);
  await work();
  for (const { definition } of rows) await client.query(definition);
}

/** So that what is measured next does not pay for what was stored before. */
export async function settle(client) {
  await client.query('VACUUM ANALYZE');
  await client.query('CHECKPOINT');
}

/** Signs in, without a session to be remembered. */
export async function signIn(server, account, remember = false) {
  return must(server, json('POST', '/account/session', { account: { ...account, remember_me: remember } }));
}

/** Access tokens of the client, of a server that gives them. */
export async function accessTokens(server, count) {
  const tokens = [];
  for (let made = 0; made < count; made += 1) {
    const grant = form('/oauth/token', { grant_type: 'client_credentials' }, { authorization: BASIC });
    tokens.push((await must(server, grant)).access_token);
  }
  return tokens;
}

export const claimsOf = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url'));
