import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createAppToken, listAppTokens, revokeAppToken } from '../../src/commands/app-token.command.js';
import {
  createClient,
  deleteClient,
  listClients,
  revokeClient,
  rotateClientSecret,
} from '../../src/commands/client.command.js';
import { inspectToken } from '../../src/commands/token.command.js';
import { SecretKeys } from '../../src/keys/secret-keys.js';
import { Commands, NEVER } from '../support/commands.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { basic, newAccessToken, postForm } from '../support/oauth.js';
import { eventually } from '../support/process.js';
import { signUp, startServer, type TestServer } from '../support/server.js';
import { logIn, newApiToken, signedInAdmin, signedInUser, type User } from '../support/tokens.js';

let database: TestDatabase;
let server: TestServer;
let commands: Commands;
let admin: User;

const YES = { yes: true, json: true };

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection);
  commands = new Commands(database, server);
  admin = await signedInAdmin(server);
});

afterAll(async () => {
  commands.close();
  await server.close();
  await database.drop();
});

interface ShownAppToken {
  id: string;
  token: string;
}

interface ShownClient {
  id: string;
  client_secret: string;
  secrets: unknown[];
}

describe('App-Tokens', () => {
  it('are made for an account, shown once, and noted as made by the command line', async () => {
    const { id, email, password } = await signUp(server);
    const options = { name: 'The till', expiresIn: 3_600, json: true };
    const made = await commands.answer<ShownAppToken>('app-token create', () => createAppToken(NEVER, email, options));
    expect(made).toMatchObject({
      owner: id,
      name: 'The till',
      scopes: [],
      token: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    await logIn(server, made.token, { email, password });
    expect(await database.query('SELECT details FROM audit_events WHERE subject = $1', [made.id])).toEqual([
      { details: expect.objectContaining({ by: 'command', command: 'app-token create', account: id }) },
    ]);
    const listed = await commands.answer<ShownAppToken>('app-token list', () =>
      listAppTokens(NEVER, { account: email, limit: 10, json: true }),
    );
    expect(listed).toEqual([expect.objectContaining({ id: made.id })]);
    expect(JSON.stringify(listed)).not.toContain(made.token);
  });

  it('with scopes are for admins only, and networks for the scope that needs them', async () => {
    const { id } = await signUp(server);
    await expect(createAppToken(NEVER, id, { scope: ['frontend'] })).rejects.toThrow('Only an admin can set scopes.');
    for (const options of [{ scope: ['client-address'] }, { network: ['203.0.113.0/24'] }, { scope: ['all'] }])
      await expect(createAppToken(NEVER, admin.id, options)).rejects.toMatchObject({ code: 'invalid_params' });
    const made = await commands.answer<ShownAppToken>('app-token create', () =>
      createAppToken(NEVER, admin.email, { scope: ['frontend'], json: true }),
    );
    await newApiToken(server, made.token, 'GATEWAY');
  });

  it('are refused by a running server when they are revoked, with what was got through them if that is asked for', async () => {
    const { email, password } = await signUp(server);
    const made = await commands.answer<ShownAppToken>('app-token create', () =>
      createAppToken(NEVER, email, { json: true }),
    );
    const headers = { 'app-token': made.token, token: await logIn(server, made.token, { email, password }) };
    expect(await server.call('GET', '/api/v1/tokens/', undefined, headers)).toMatchObject({ status: 200 });
    await commands.run('app-token revoke', () => revokeAppToken(NEVER, made.id, { ...YES, cascade: true }));
    await eventually(async () => {
      expect(await server.call('GET', '/api/v1/tokens/', undefined, headers)).toMatchObject({ status: 401 });
    });
    expect(
      await database.query('SELECT FROM tokens WHERE app_token_id = $1 AND revoked_at IS NULL', [made.id]),
    ).toEqual([]);
  });

  it('are never named by their secret', async () => {
    await expect(revokeAppToken(NEVER, admin.appToken, YES)).rejects.toThrow('by its id');
    await expect(revokeAppToken(NEVER, randomUUID(), YES)).rejects.toMatchObject({ code: 'not_found' });
  });
});

const clientOf = ({ id, client_secret: secret }: ShownClient) => ({ id, secret, basic: basic(id, secret) });

describe('Clients', () => {
  const make = (options: object = {}) =>
    commands.answer<ShownClient>('client create', () =>
      createClient(NEVER, 'Reading room', { owner: admin.email, scope: ['identifications'], json: true, ...options }),
    );
  const asks = async ({ id }: { id: string }, secret: string) =>
    (await postForm(server, '/oauth/token', {}, basic(id, secret))).status;

  it('are made for an admin who answers for them, and their secret is shown once', async () => {
    const made = await make();
    expect(made).toMatchObject({ name: 'Reading room', owner: admin.id, scopes: ['identifications'] });
    expect(await asks(made, made.client_secret)).toBe(200);
    const listed = await commands.answer<ShownClient>('client list', () =>
      listClients(NEVER, { limit: 10, json: true }),
    );
    expect(listed).toContainEqual(expect.objectContaining({ id: made.id }));
    expect(JSON.stringify(listed)).not.toContain(made.client_secret);
    const { id } = await signUp(server);
    await expect(make({ owner: id })).rejects.toMatchObject({
      details: { fields: { owner: ['is not an enabled admin'] } },
    });
    await expect(make({ scope: ['everything'] })).rejects.toMatchObject({ code: 'invalid_params' });
  });

  it('have a second secret while it replaces the first; --only ends the earlier ones', async () => {
    const made = await make();
    const second = await commands.answer<ShownClient>('client rotate-secret', () =>
      rotateClientSecret(NEVER, made.id, { json: true }),
    );
    expect([await asks(made, made.client_secret), await asks(made, second.client_secret)]).toEqual([200, 200]);
    await expect(rotateClientSecret(NEVER, made.id, {})).rejects.toThrow('already has two secrets');
    const only = await commands.answer<ShownClient>('client rotate-secret', () =>
      rotateClientSecret(NEVER, made.id, { ...YES, only: true }),
    );
    expect(only.secrets).toHaveLength(1);
    await eventually(async () => {
      expect([await asks(made, made.client_secret), await asks(made, second.client_secret)]).toEqual([401, 401]);
    });
    expect(await asks(made, only.client_secret)).toBe(200);
  });

  it('lose their access tokens when they are revoked, and everything when they are deleted', async () => {
    const made = await make({ scope: ['accounts:read'] });
    const token = await newAccessToken(server, clientOf(made));
    const lists = () => server.call('GET', '/api/accounts', undefined, { authorization: `Bearer ${token}` });
    expect(await lists()).toMatchObject({ status: 200 });
    await commands.run('client revoke', () => revokeClient(NEVER, made.id, YES));
    await eventually(async () => {
      expect(await lists()).toMatchObject({ status: 401 });
    });
    expect(await asks(made, made.client_secret)).toBe(200);
    await commands.run('client delete', () => deleteClient(NEVER, made.id, YES));
    await eventually(async () => {
      expect(await asks(made, made.client_secret)).toBe(401);
    });
  });
});

describe('`token inspect`', () => {
  const inspect = async (text: string) => {
    const { text: told, code } = await commands.run('token inspect', () =>
      inspectToken(NEVER, { file: commands.file(`${text}\n`), json: true }),
    );
    return { code, ...(JSON.parse(told ?? '') as object) };
  };

  it('says the kind, the owner and the state of each', async () => {
    const user = await signedInUser(server);
    const answer = await server.call('POST', '/account/session', {
      account: { email: user.email, password: user.password, remember_me: true },
    });
    const body = answer.body as { token: string; refresh_token: string };
    const made = await commands.answer<ShownClient>('client create', () =>
      createClient(NEVER, 'Seen', { owner: admin.id, scope: ['identifications'], json: true }),
    );
    const access = await newAccessToken(server, clientOf(made));
    const api = await newApiToken(server, admin.appToken, 'GATEWAY');
    const known = [
      [user.appToken, { kind: 'App-Token', account: user.id, email: user.email }],
      [user.token, { kind: 'user token', account: user.id }],
      [api, { kind: 'API token', gateway_account: 'GATEWAY' }],
      [access, { kind: 'access token', client: made.id }],
      [made.client_secret, { kind: 'client secret', client: made.id }],
      [body.token, { kind: 'session JWT', account: user.id, email: user.email }],
      [body.refresh_token, { kind: 'refresh token', account: user.id }],
    ] as const;
    for (const [text, what] of known) expect(await inspect(text)).toMatchObject({ code: 0, state: 'good', ...what });
    await server.call('PUT', '/account/session', { account: { refresh_token: body.refresh_token, remember_me: true } });
    expect(await inspect(body.refresh_token)).toMatchObject({ code: 1, state: 'used' });
    await server.call('DELETE', '/account/session', undefined, { authorization: `Bearer ${body.token}` });
    for (const text of [user.token, body.token, body.refresh_token])
      expect(await inspect(text)).toMatchObject({ code: 1, state: 'revoked' });
    await database.query(
      `UPDATE tokens SET expires_at = now() - interval '1 s' WHERE account_id = $1 AND kind = 'app'`,
      [user.id],
    );
    await eventually(async () => {
      expect(await inspect(user.appToken)).toMatchObject({ code: 1, state: 'expired' });
    });
  });

  it('says of what is none of ours that it is, and of what looks like it how', async () => {
    for (const text of ['hello', 'eyJhbGciOiJub25lIn0.e30.', '..', '\u0000', 'é'.repeat(10_000)])
      expect(await inspect(text)).toMatchObject({ code: 4, kind: null, state: 'unknown' });
    const foreign = new SecretKeys(['another secret key that is long enough']).sign(
      'refresh-token',
      `${randomUUID()}.1`,
    );
    expect(await inspect(foreign)).toMatchObject({ code: 4, note: expect.stringContaining('SECRET_KEY') });
    expect(await inspect('0'.repeat(32))).toMatchObject({
      code: 4,
      note: expect.stringContaining('looks like a token'),
    });
  });

  it('does not believe a JWT that names a key of ours', async () => {
    const { token } = await signUp(server);
    const [header, claims] = token.split('.');
    expect(await inspect(`${header}.${claims}.${'A'.repeat(342)}`)).toMatchObject({ code: 1, state: 'refused' });
  });

  it('notes that somebody asked, and never the string', async () => {
    const user = await signedInUser(server);
    await inspect(user.token);
    const [event] = await database.query<{ details: object }>(
      `SELECT details, subject FROM audit_events WHERE kind = 'token.inspected' ORDER BY at DESC, id LIMIT 1`,
    );
    expect(event).toMatchObject({ details: { by: 'command', kind: 'user token', state: 'good' } });
    expect(JSON.stringify(event)).not.toContain(user.token);
  });
});
