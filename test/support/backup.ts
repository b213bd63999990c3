import { join, resolve } from 'node:path';
import { expect } from '@jest/globals';
import { PostgresCluster, postgresFolder, runPostgres } from './postgres-cluster.js';
import { newFolder, ServerProcess } from './process.js';
import { bearer, claimsOf, newEmail, TEST_SECRET_KEY } from './server.js';

/** What the suites about backups do: as operators, by PostgreSQL's tools and `latchkey`, and as people. */
const PASSWORD = 'an example of a password';
const ADMIN = {
  email: 'admin@example.org',
  password: 'the password of an admin',
  appToken: '0123456789abcdef'.repeat(2),
};

const clusters: PostgresCluster[] = [];

/** Ends what {@link clusterWith} and {@link isUsed} have begun. */
export async function stopClusters(): Promise<void> {
  for (const cluster of clusters.splice(0)) await cluster.stop();
}

export async function clusterWith(database: string, settings: string[] = []): Promise<PostgresCluster> {
  const cluster = await (await PostgresCluster.create(settings)).start();
  isUsed(cluster);
  cluster.query('postgres', `CREATE DATABASE ${database}`);
  return cluster;
}

export function isUsed(cluster: PostgresCluster): void {
  clusters.push(cluster);
}

const settingsOf = (url: string) => ({
  DATABASE_URL: url,
  SECRET_KEY: TEST_SECRET_KEY,
  PUBLIC_URL: 'http://latchkey.test',
  BCRYPT_COST: '4',
  RATE_LIMIT_PER_MINUTE: '0',
  DATA_DIR: newFolder(),
  BOOTSTRAP_ADMIN_EMAIL: ADMIN.email,
  BOOTSTRAP_ADMIN_PASSWORD: ADMIN.password,
  BOOTSTRAP_APP_TOKEN: ADMIN.appToken,
});

/** A server on a database; an empty one is given an admin and an App-Token. */
export async function serve(url: string, env: Record<string, string> = {}): Promise<ServerProcess> {
  return (await ServerProcess.start({ ...settingsOf(url), ...env })).ready();
}

/** Runs `latchkey`. @returns what it has said, when it is done well */
export function latchkey(url: string, ...args: string[]): Promise<string> {
  return latchkeyWith({}, url, ...args);
}

/** Runs `latchkey` with other settings. @returns what it has said, when it is done well */
export async function latchkeyWith(env: Record<string, string>, url: string, ...args: string[]): Promise<string> {
  const command = [process.execPath, resolve('dist/src/commands/latchkey.js'), ...args];
  const run = await ServerProcess.start({ ...settingsOf(url), LOG_LEVEL: 'warn', ...env }, { command });
  const { code } = await run.exited;
  if (code !== 0) throw new Error(`latchkey ${args.join(' ')} ended with ${String(code)}:\n${run.output}`);
  return run.stdout;
}

/** @returns the path of the dump */
export function dump(url: string): string {
  const path = join(postgresFolder(), 'latchkey.dump');
  runPostgres('pg_dump', ['--format=custom', `--file=${path}`, url]);
  return path;
}

/** Restores a dump in a new database. @returns its URL */
export function restore(cluster: PostgresCluster, path: string): string {
  cluster.query('postgres', 'CREATE DATABASE restored');
  const url = cluster.urlOf('restored');
  runPostgres('pg_restore', ['--exit-on-error', '--no-owner', '--single-transaction', `--dbname=${url}`, path]);
  return url;
}

export interface Person {
  email: string;
  id: string;
  token: string;
}

export async function signUp(server: Pick<ServerProcess, 'call'>): Promise<Person> {
  const email = newEmail();
  const { status, body } = await server.call('POST', '/accounts', { account: { email, password: PASSWORD } });
  expect(status).toBe(201);
  const { token } = body as { token: string };
  return { email, token, id: claimsOf(token).data.id };
}

export const look = async (server: Pick<ServerProcess, 'call'>, { id, token }: Person) =>
  (await server.call('GET', `/accounts/${id}`, undefined, bearer(token))).status;

export const signOut = async (server: ServerProcess, { token }: Person) =>
  (await server.call('DELETE', '/account/session', undefined, bearer(token))).status;

export const signIn = async (server: Pick<ServerProcess, 'call'>, { email }: Pick<Person, 'email'>) =>
  (await server.call('POST', '/account/session', { account: { email, password: PASSWORD } })).status;

/** The headers of the admin, signed in. */
export async function adminAt(server: ServerProcess): Promise<Record<string, string>> {
  const login = { username: ADMIN.email, password: ADMIN.password };
  const { status, body } = await server.call('POST', '/api/v1/token/', login, { 'app-token': ADMIN.appToken });
  expect(status).toBe(200);
  return { 'app-token': ADMIN.appToken, token: (body as { token: string }).token };
}

export async function newApiToken(server: ServerProcess, gateway: string): Promise<string> {
  const body = { account_id: gateway, description: 'A key' };
  const answer = await server.call('POST', '/v1/frontend/auth', body, { 'app-token': ADMIN.appToken });
  expect(answer.status).toBe(200);
  return (answer.body as { token: string }).token;
}

export async function revokeApiTokens(server: ServerProcess, gateway: string): Promise<void> {
  const headers = { 'app-token': ADMIN.appToken };
  const { status } = await server.call('DELETE', `/v1/frontend/auth/${gateway}/revoke-all`, undefined, headers);
  expect(status).toBe(200);
}

export const checkApiToken = async (server: ServerProcess, token: string) =>
  (await server.call('GET', '/v1/api/auth', undefined, bearer(token))).status;
