import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { exportAll } from '../support/exports.js';
import { cleanUpReports, importRecords } from '../support/imports.js';
import { newClient, postForm } from '../support/oauth.js';
import { startServer, type TestServer } from '../support/server.js';
import { newApiToken, newAppToken, oboToken, signedInAdmin, signedInUser } from '../support/tokens.js';

let databases: [TestDatabase, TestDatabase];
let server: TestServer;
let other: TestServer;

beforeAll(async () => {
  databases = await Promise.all([createDatabase(), createDatabase()]);
  server = await startServer(databases[0].connection);
  other = await startServer(databases[1].connection);
});

afterAll(async () => {
  cleanUpReports();
  await server.close();
  await other.close();
  for (const database of databases) await database.drop();
});

it('Clients and tokens are good elsewhere with the secrets that they had, and what had ended is not', async () => {
  const admin = await signedInAdmin(server);
  const user = await signedInUser(server);
  const client = await newClient(server, { ownerId: admin.id });
  const api = await newApiToken(server, admin.appToken, 'gateway-1');
  const through = await newAppToken(server, user);
  const obo = await oboToken(server, admin, user.id);
  const ended = await signedInUser(server);
  await databases[0].query('UPDATE tokens SET revoked_at = now() WHERE account_id = $1', [ended.id]);
  const { text } = await exportAll(server);
  for (const secret of [client.secret, api, through, obo, user.token, user.appToken])
    expect(text).not.toContain(secret);
  const first = await importRecords(other, text, { admins: true });
  expect([first.refused, first.counts.refused]).toEqual([{}, 0]);
  const form = { grant_type: 'client_credentials' };
  expect((await postForm(other, '/oauth/token', form, client.basic)).status).toBe(200);
  expect((await postForm(other, '/oauth/token', form, (await newClient(server)).basic)).status).toBe(401);
  const auth = await other.call('GET', '/v1/api/auth', undefined, { authorization: `Bearer ${api}` });
  expect(auth.status).toBe(200);
  const list = (headers: Record<string, string>) => other.call('GET', '/api/v1/app_tokens/', undefined, headers);
  expect((await list(user.headers)).status).toBe(200);
  expect((await list(admin.headers)).status).toBe(200);
  expect((await list({ 'app-token': through, token: obo })).status).toBe(
    (await server.call('GET', '/api/v1/app_tokens/', undefined, { 'app-token': through, token: obo })).status,
  );
  expect((await list(ended.headers)).status).toBe(401);
  const rows = `SELECT id, kind, digest, hint, scopes, account_id, actor_id, made_with, app_token_id, created_at, expires_at, revoked_at, is_foreign FROM tokens WHERE kind <> 'oauth' ORDER BY id`;
  expect(await databases[1].query(rows)).toEqual(await databases[0].query(rows));
  const again = await importRecords(other, text, { admins: true });
  expect(again.counts).toMatchObject({ made: 0, changed: 0, refused: 0 });
});

it('What an import could not take is left out and counted, and no initial password goes on for ever', async () => {
  const [database] = databases;
  const disabled = await signedInUser(server);
  const admin = await signedInAdmin(server);
  const client = await newClient(server, { ownerId: admin.id });
  const lost = await signedInUser(server);
  const given = await signedInUser(server);
  const { counts: before } = await exportAll(server);
  await database.query('UPDATE accounts SET disabled_at = now() WHERE id = $1', [disabled.id]);
  await database.query(`UPDATE accounts SET role = 'user' WHERE id = $1`, [admin.id]);
  await database.query('UPDATE accounts SET email = NULL WHERE id = $1', [lost.id]);
  await database.query('UPDATE accounts SET initial_password_at = now() WHERE id = $1', [given.id]);
  const { counts, text } = await exportAll(server);
  // An App-Token and a user token of each of two; an account; a client. The administrator's App-Token has no scopes or is one more.
  const scoped = await database.query(`SELECT 1 FROM tokens WHERE account_id = $1 AND scopes <> '{}'`, [admin.id]);
  expect((counts['left out'] ?? 0) - (before['left out'] ?? 0)).toBe(2 + 2 + 1 + 1 + scoped.length);
  const records = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { id: string; password_hash?: string });
  expect(records.filter(({ id }) => [client.id, lost.id].includes(id))).toEqual([]);
  expect(records.find(({ id }) => id === given.id)).not.toHaveProperty('password_hash');
  const rest = await importRecords(other, text, { admins: true });
  expect(rest.refused).toEqual({});
});
