import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDatabase, type TestDatabase } from './support/database.js';
import { newClient, postForm } from './support/oauth.js';
import { bearer, claimsOf, signUp, startServer, type TestServer } from './support/server.js';

/** Servers of one database, as while a change of SESSION_AUDIENCE rolls: in the end, without it, with one, with others. */
let database: TestDatabase;
let servers: Record<'none' | 'one' | 'others', TestServer>;
const PUBLIC_URL = 'http://latchkey.test';
const AUDIENCES = { none: [], one: ['latchkey'], others: ['https://api.example.org', 'shop'] };

beforeAll(async () => {
  database = await createDatabase();
  const start = (sessionAudience: string[]) => startServer(database.connection, { sessionAudience });
  servers = {
    none: await start(AUDIENCES.none),
    one: await start(AUDIENCES.one),
    others: await start(AUDIENCES.others),
  };
});

afterAll(async () => {
  await Promise.all(Object.values(servers).map((server) => server.close()));
  await database.drop();
});

const audienceOf = (token: string) => (claimsOf(token) as { aud?: unknown }).aud;

describe('SESSION_AUDIENCE', () => {
  it.each([
    ['none', undefined],
    ['one', [PUBLIC_URL, 'latchkey']],
    ['others', [PUBLIC_URL, 'https://api.example.org', 'shop']],
  ] as const)('%s: every JWT names it, and Latchkey itself', async (which, audience) => {
    const server = servers[which];
    const { email, password, token, refreshToken } = await signUp(server, { remember: true });
    const signedIn = await server.call('POST', '/account/session', { account: { email, password } });
    const refreshed = await server.call('PUT', '/account/session', { account: { refresh_token: refreshToken } });
    const tokens = [token, signedIn.body.token as string, refreshed.body.token as string];
    expect(tokens.map(audienceOf)).toEqual([audience, audience, audience]);
  });

  it('names Latchkey once when it is its own audience', async () => {
    const server = await startServer(database.connection, { sessionAudience: [PUBLIC_URL] });
    try {
      expect(audienceOf((await signUp(server)).token)).toEqual([PUBLIC_URL]);
    } finally {
      await server.close();
    }
  });

  it('refuses no session that was opened before it changed, on no server of either setting', async () => {
    for (const issuer of Object.values(servers)) {
      const { id, token, refreshToken } = await signUp(issuer, { remember: true });
      for (const server of Object.values(servers)) {
        expect((await server.call('GET', `/accounts/${id}`, undefined, bearer(token))).status).toBe(200);
      }
      let latest = refreshToken;
      for (const server of Object.values(servers)) {
        const account = { refresh_token: latest, remember_me: true };
        const { status, body } = await server.call('PUT', '/account/session', { account });
        expect([status, audienceOf(body.token as string)]).toEqual([200, audienceOf((await signUp(server)).token)]);
        latest = body.refresh_token as string;
      }
    }
  });

  it('is told by introspection', async () => {
    const client = await newClient(servers.one);
    for (const [which, audience] of [['none'], ['one', [PUBLIC_URL, 'latchkey']]] as const) {
      const { token } = await signUp(servers[which]);
      const { body } = await postForm(servers.one, '/oauth/introspect', { token }, client.basic);
      expect([body.active, body.aud]).toEqual([true, audience]);
    }
    expect(servers.one.answers.undescribed()).toEqual([]);
  });
});
