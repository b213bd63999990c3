import { createHmac, randomUUID } from 'node:crypto';
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import bcrypt from 'bcrypt';
import { secretVariables } from '../src/config/variables.js';
import { SecretKeys } from '../src/keys/secret-keys.js';
import { createDatabase, urlOf, type TestDatabase } from './support/database.js';
import { MailServer } from './support/mail-server.js';
import { cleanUp, eventually, newFolder, ServerProcess } from './support/process.js';
import { bearer, newEmail, type Answer } from './support/server.js';

/** The secrets of one deployment, and what is at the other end of them. */
interface Deployment {
  name: string;
  database: TestDatabase;
  mailServer: MailServer;
  secrets: Record<string, string>;
}

const ADMIN = 'admin@example.org';
const CLIENT = 'a-client';
const mount = newFolder();
const dataDir = newFolder();

let before: Deployment;
let after: Deployment;
let server: ServerProcess;

beforeAll(async () => {
  [before, after] = await Promise.all([deployment('before'), deployment('after')]);
  for (const name of secretVariables) symlinkSync(join('..data', name), join(mount, name));
  put(before);
  server = await start();
});

afterAll(async () => {
  await cleanUp();
  for (const { database, mailServer, secrets } of [before, after]) {
    const { username } = new URL(secrets.DATABASE_DIRECT_URL ?? '');
    // What the migrations have made is the user's.
    await database.query(`REASSIGN OWNED BY ${username} TO current_user; DROP ROLE ${username}`);
    await database.drop();
    await mailServer.stop();
  }
});

async function deployment(name: string): Promise<Deployment> {
  const database = await createDatabase({ empty: true });
  const mailServer = await new MailServer().start();
  const direct = { user: `direct_${randomUUID().replaceAll('-', '')}`, password: randomUUID() };
  await database.query(`CREATE ROLE ${direct.user} LOGIN SUPERUSER PASSWORD '${direct.password}'`);
  const secrets = {
    DATABASE_URL: urlOf(database.connection),
    DATABASE_DIRECT_URL: urlOf({ ...database.connection, ...direct }),
    SECRET_KEY: `the key of what was there ${name} the restart`,
    SMTP_URL: mailServer.url(),
    API_TOKEN_HMAC_SECRET: `the secret ${name}`,
    API_TOKEN_BCRYPT_SALT: bcrypt.genSaltSync(4),
    BOOTSTRAP_ADMIN_PASSWORD: `the password ${name}`,
    BOOTSTRAP_APP_TOKEN: randomUUID().replaceAll('-', ''),
    BOOTSTRAP_CLIENT_SECRET: randomUUID(),
  };
  return { name, database, mailServer, secrets };
}

/** Puts the files of a deployment there, all at once, as the kubelet does when a Secret has changed. */
function put({ name, secrets }: Deployment): void {
  mkdirSync(join(mount, `..${name}`));
  for (const [variable, value] of Object.entries(secrets)) writeFileSync(join(mount, `..${name}`, variable), value);
  symlinkSync(`..${name}`, join(mount, '..data_tmp'));
  renameSync(join(mount, '..data_tmp'), join(mount, '..data'));
}

const settings = () => ({
  ...Object.fromEntries(secretVariables.map((name) => [`${name}_FILE`, join(mount, name)])),
  BOOTSTRAP_ADMIN_EMAIL: ADMIN,
  BOOTSTRAP_CLIENT_ID: CLIENT,
  PUBLIC_URL: 'http://latchkey.test',
  MAIL_FROM: 'no-reply@example.org',
  DATA_DIR: dataDir,
  BCRYPT_COST: '4',
});

const start = async () => (await ServerProcess.start(settings())).ready();

async function command(args: string[]): Promise<string> {
  const command = [process.execPath, resolve('dist/src/commands/latchkey.js'), ...args];
  const run = await ServerProcess.start(settings(), { command });
  await run.exited;
  return run.stdout;
}

const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  server.call('POST', path, body, headers);

const signIn = ({ secrets }: Deployment) =>
  post('/account/session', {
    account: { email: ADMIN, password: secrets.BOOTSTRAP_ADMIN_PASSWORD, remember_me: true },
  });

const issueKey = ({ secrets }: Deployment) =>
  post(
    '/v1/frontend/auth',
    { account_id: 'gateway', description: 'Till' },
    { 'app-token': secrets.BOOTSTRAP_APP_TOKEN ?? '' },
  );

/** @returns a field of the answer that has it, whichever deployment is the one that may ask */
async function fieldOf(name: string, ask: (one: Deployment) => Promise<Answer>): Promise<string> {
  const answers = [await ask(before), await ask(after)].map(({ body }) => body as Record<string, string>);
  const found = answers.flatMap((body) => body[name] ?? []);
  expect(found).toHaveLength(1);
  return found[0] ?? '';
}

/** Whether the server is connected to the database of a deployment by one of its two URLs, which have users of their own. */
async function isConnected({ database, secrets }: Deployment, variable: string): Promise<boolean> {
  const { username } = new URL(secrets[variable] ?? '');
  const found = await database.query(
    `SELECT FROM pg_stat_activity WHERE datname = current_database() AND usename = $1 AND application_name LIKE 'latchkey%'`,
    [username],
  );
  return found.length > 0;
}

/** What the end of an API key is made of, in document 002's service: HMAC-SHA1 in base32hex. */
function hmacOf(text: string, { secrets }: Deployment): string {
  const digest = createHmac('sha1', secrets.API_TOKEN_HMAC_SECRET ?? '')
    .update(text)
    .digest('hex');
  return BigInt(`0x${digest}`).toString(32).padStart(32, '0');
}

/** Imports the hash of a key, as that service has it. @returns whether the key itself is good */
async function takesKeyOf(which: Deployment): Promise<boolean> {
  const start = `api_live_${randomUUID().replaceAll('-', '').slice(0, 20)}`;
  const token_hash = bcrypt.hashSync(start, which.secrets.API_TOKEN_BCRYPT_SALT ?? '');
  const file = join(newFolder(), 'keys.ndjson');
  writeFileSync(
    file,
    JSON.stringify({ type: 'api_token', id: randomUUID(), token_hash, account_id: 'gateway', description: 'Till' }),
  );
  await command(['import', file]);
  return (await server.call('GET', '/v1/api/auth', undefined, bearer(start + hmacOf(start, which)))).status === 200;
}

/** Asks for a mail. @returns whether it comes to the mail server of a deployment */
async function mailsTo({ mailServer }: Deployment): Promise<boolean> {
  const email = newEmail();
  await post('/accounts', { account: { email, password: 'the password of somebody' } });
  await post('/account/password', { account: { email } });
  const isThere = ({ mails }: MailServer) => mails.some(({ to }) => to.includes(email));
  await eventually(() => {
    expect([before, after].filter((one) => isThere(one.mailServer))).toHaveLength(1);
  });
  return isThere(mailServer);
}

/** For each secret, whether that of a deployment is in force. */
const IS_IN_FORCE: Record<string, (which: Deployment) => Promise<boolean>> = {
  DATABASE_URL: (which) => isConnected(which, 'DATABASE_URL'),
  DATABASE_DIRECT_URL: (which) => isConnected(which, 'DATABASE_DIRECT_URL'),
  SECRET_KEY: async ({ secrets }) => {
    const token = await fieldOf('refresh_token', signIn);
    return new SecretKeys([secrets.SECRET_KEY ?? '']).verify('refresh-token', token) !== undefined;
  },
  SMTP_URL: mailsTo,
  API_TOKEN_HMAC_SECRET: async (which) => {
    const key = await fieldOf('token', issueKey);
    return key.endsWith(hmacOf(key.slice(0, -32), which));
  },
  API_TOKEN_BCRYPT_SALT: takesKeyOf,
  BOOTSTRAP_ADMIN_PASSWORD: async (which) => (await signIn(which)).status === 200,
  BOOTSTRAP_APP_TOKEN: async (which) => (await issueKey(which)).status === 200,
  BOOTSTRAP_CLIENT_SECRET: async ({ secrets }) => {
    const named = `${CLIENT}:${secrets.BOOTSTRAP_CLIENT_SECRET ?? ''}`;
    const authorization = `Basic ${Buffer.from(named).toString('base64')}`;
    return (await post('/oauth/v2/token', {}, { authorization })).status === 201;
  },
};

async function inForce(name: string): Promise<string[]> {
  const found: string[] = [];
  for (const one of [before, after]) if (await IS_IN_FORCE[name]?.(one)) found.push(one.name);
  return found;
}

it('Every secret is tried here', () => {
  expect(Object.keys(IS_IN_FORCE).sort()).toEqual([...secretVariables].sort());
});

it.each(secretVariables)('%s is what its file had when the server started', async (name) => {
  expect(await inForce(name)).toEqual(['before']);
});

it('`doctor` says which secrets come from files, and that servers have to be restarted when these change', async () => {
  const { findings } = JSON.parse(await command(['doctor', '--json'])) as { findings: Record<string, string>[] };
  const { message } = findings.find(({ check }) => check === 'secrets in files') ?? {};
  for (const name of secretVariables) expect(message).toMatch(new RegExp(`${name} \\(last changed 20[-\\d:T.]+Z\\)`));
  expect(message).toContain('Servers read them when they start: restart those that are older than a change.');
});

it('A server that runs goes on with what it has read, whatever becomes of the files', async () => {
  put(after);
  expect(await inForce('DATABASE_URL')).toEqual(['before']);
  expect(await inForce('SECRET_KEY')).toEqual(['before']);
  expect(await inForce('BOOTSTRAP_ADMIN_PASSWORD')).toEqual(['before']);
});

it('It ends, and starts again', async () => {
  expect(await server.stop()).toMatchObject({ code: 0 });
  server = await start();
});

it.each(secretVariables)('%s is what its file has since the restart', async (name) => {
  expect(await inForce(name)).toEqual(['after']);
});
