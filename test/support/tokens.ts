import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { EntityManager } from 'typeorm';
import { AccountStore } from '../../src/accounts/accounts.store.js';
import { PasswordHasher } from '../../src/passwords/password-hasher.js';
import { Revocations } from '../../src/revocations/revocations.service.js';
import { TokenIssuer } from '../../src/tokens/token-issuer.service.js';
import type { TestDatabase } from './database.js';
import { newEmail, signUp, type Answer, type TestServer } from './server.js';

export interface Admin {
  id: string;
  email: string;
  password: string;
  /** Has the scope `frontend`. */
  appToken: string;
}

/** An account with an App-Token of its own, signed in with it. */
export interface User {
  id: string;
  email: string;
  password: string;
  appToken: string;
  token: string;
  headers: { 'app-token': string; token: string };
}

/** Makes an admin and its App-Token, as the first start does. */
export async function makeAdmin({ app }: TestServer): Promise<Admin> {
  const manager = app.get(EntityManager);
  const email = newEmail();
  const password = 'an admin example';
  const passwordHash = await app.get(PasswordHasher).hash(password);
  const { id } = await app.get(AccountStore).create(manager, { email, passwordHash, role: 'admin' });
  const { secret } = await app.get(TokenIssuer).issue(manager, 'app', { accountId: id, scopes: ['frontend'] });
  return { id, email, password, appToken: secret };
}

/** Makes an admin who is signed in. */
export async function signedInAdmin(server: TestServer): Promise<User> {
  const admin = await makeAdmin(server);
  const token = await logIn(server, admin.appToken, admin);
  return { ...admin, token, headers: tokenHeaders(admin.appToken, token) };
}

/** Makes an ordinary user with an App-Token of its own, signed in with it. */
export async function signedInUser(server: TestServer): Promise<User> {
  const { id, email, password } = await signUp(server);
  const issued = await server.app.get(TokenIssuer).issue(server.app.get(EntityManager), 'app', { accountId: id });
  const token = await logIn(server, issued.secret, { email, password });
  return { id, email, password, appToken: issued.secret, token, headers: tokenHeaders(issued.secret, token) };
}

export function tokenHeaders(appToken: string, token: string): { 'app-token': string; token: string } {
  return { 'app-token': appToken, token };
}

/** @returns a user token */
export async function logIn(
  server: TestServer,
  appToken: string,
  { email, password }: { email: string; password: string },
): Promise<string> {
  const login = { username: email, password };
  return secretFrom(await server.call('POST', '/api/v1/token/', login, { 'app-token': appToken }), 200).token;
}

/** @returns a token on behalf of the account with this id */
export async function oboToken(server: TestServer, asker: User, user: string, seconds?: number): Promise<string> {
  const body = { user, ...(seconds !== undefined && { seconds_until_expire: seconds }) };
  return secretFrom(await server.call('POST', '/api/v1/tokens/', body, asker.headers), 201).token;
}

/** @returns an App-Token */
export async function newAppToken(server: TestServer, asker: User, body: object = {}): Promise<string> {
  return secretFrom(await server.call('POST', '/api/v1/app_tokens/', body, asker.headers), 201).app_token;
}

/** @returns an API token of a gateway account */
export async function newApiToken(
  server: TestServer,
  appToken: string,
  account_id: string | number,
  extra: object = {},
): Promise<string> {
  const body = { account_id, description: 'Token description', ...extra };
  return secretFrom(await server.call('POST', '/v1/frontend/auth', body, { 'app-token': appToken }), 200).token;
}

function secretFrom({ status, body }: Answer, expected: number): { token: string; app_token: string } {
  if (status !== expected) throw new Error(`Asking for a token was answered ${status}: ${JSON.stringify(body)}`);
  return body as { token: string; app_token: string };
}

export interface TokenRow {
  id: string;
  kind: string;
  digest: Buffer;
  hint: string;
  scopes: string[];
  account_id: string | null;
  actor_id: string | null;
  gateway_account_id: string | null;
  description: string | null;
  created_by: string | null;
  created_at: Date;
  expires_at: Date | null;
  revoked_at: Date | null;
  last_used_at: Date | null;
}

/** @returns what is stored of a token */
export async function rowOf(database: TestDatabase, secret: string): Promise<TokenRow> {
  const digest = createHash('sha256').update(secret).digest();
  const [row] = await database.query<TokenRow & Record<string, unknown>>('SELECT * FROM tokens WHERE digest = $1', [
    digest,
  ]);
  if (!row) throw new Error('There is no row for this token.');
  return row;
}

/** Changes an account behind the server's back, but announces it as the server's own changes of accounts do. */
export async function changeAccount(server: TestServer, id: string, statement: string): Promise<void> {
  await server.app.get(Revocations).during(`account ${id}`, (tx) => tx.query(statement, [id]));
}

/** Like `server.call`, but sends the path as it stands: a URL resolves dots, even encoded ones. */
export async function callExactly(
  server: TestServer,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Pick<Answer, 'status' | 'body'>> {
  const { hostname, port } = new URL(server.url);
  const text = body === undefined ? '' : JSON.stringify(body);
  const content = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) };
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { hostname, port, method, path, headers: { ...(text !== '' && content), ...headers } },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const answer = { status: incoming.statusCode ?? 0, body: text === '' ? '' : (JSON.parse(text) as unknown) };
          server.answers.add({ method, path, contentType: incoming.headers['content-type'] ?? null, ...answer });
          resolve(answer);
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(text);
  });
}
