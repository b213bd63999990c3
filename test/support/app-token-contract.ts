import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDatabase, type TestDatabase } from './database.js';
import { startServer, type Answer, type TestServer } from './server.js';
import { rowOf, signedInAdmin, tokenHeaders, type User } from './tokens.js';

/** The requests and answers of seed 003, each under the heading it has there, and what the design adds. */
export let database: TestDatabase;
export let server: TestServer;
export let admin: User;

/** A server on a database of the suite's own, and an admin. */
export function withAdmin(): void {
  beforeAll(async () => {
    database = await createDatabase();
    server = await startServer(database.connection, { loginMaxFailures: 1_000 });
    admin = await signedInAdmin(server);
  });

  afterAll(async () => {
    await server.close();
    await database.drop();
  });
}

export type Headers = Record<string, string>;
export const NOT_FOUND = [404, { errors: { request: 'Not found, or you do not have access to it.' } }];
export const INVALID_USER = [400, { errors: { user: 'One or more IDs are not formatted correctly.' } }];

export const DAY = 86_400;
export const LISTS = ['/api/v1/app_tokens', '/api/v1/tokens'] as const;

export const outcome = ({ status, body }: Pick<Answer, 'status' | 'body'>): [number, unknown] => [status, body];
export const post = (path: string, body: unknown, headers: Headers) => server.call('POST', path, body, headers);
export const get = (path: string, headers: Headers) => server.call('GET', path, undefined, headers);
export const patch = (path: string, seconds: unknown, headers: Headers) =>
  server.call('PATCH', path, { seconds_until_expire: seconds }, headers);
export const remove = (path: string, headers: Headers) => server.call('DELETE', path, undefined, headers);

/** Whether a user token is good, at the App-Token of an admin. */
export async function isGood(token: string): Promise<boolean> {
  const { status } = await get('/api/v1/tokens/', tokenHeaders(admin.appToken, token));
  expect([200, 401]).toContain(status);
  return status === 200;
}

/** Whether an App-Token is good, with the Token of an admin. */
export async function isGoodApp(appToken: string): Promise<boolean> {
  const { status } = await get('/api/v1/tokens/', tokenHeaders(appToken, admin.token));
  expect([200, 401]).toContain(status);
  return status === 200;
}

/** Seconds from the making of a token to its end, as stored. */
export async function lifetimeOf(secret: string): Promise<number> {
  const { id } = await rowOf(database, secret);
  const [row] = await database.query<{ seconds: number }>(
    'SELECT extract(epoch FROM expires_at - created_at)::float8 AS seconds FROM tokens WHERE id = $1',
    [id],
  );
  return row?.seconds ?? NaN;
}

/** The last word of a suite that has seen so many different answers. */
export function everyAnswerIsDescribed(atLeast: number): void {
  describe('OpenAPI', () => {
    it('describes every answer that these tests saw', () => {
      expect(server.answers.undescribed()).toEqual([]);
      expect(server.answers.seen().length).toBeGreaterThanOrEqual(atLeast);
    });
  });
}
