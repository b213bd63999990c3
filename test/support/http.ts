import { afterAll, afterEach, beforeAll, expect, jest } from '@jest/globals';
import type { RouteOptions } from 'fastify';
import { RouteTable } from '../../src/http/routes.js';
import { createDatabase, type TestDatabase } from './database.js';
import { startServer, type TestServer } from './server.js';

export let database: TestDatabase;
export let server: TestServer;
/** What Fastify was told to serve. */
export const routes: RouteOptions[] = [];

/** A server on a database of the suite's own, and its routes. */
export function withRoutes(): void {
  beforeAll(async () => {
    database = await createDatabase();
    const watch = Object.getOwnPropertyDescriptor(RouteTable.prototype, 'watch')?.value as RouteTable['watch'];
    const spy = jest.spyOn(RouteTable.prototype, 'watch').mockImplementation(function (this: RouteTable, fastify) {
      watch.call(this, fastify);
      fastify.addHook('onRoute', (route) => {
        routes.push(route);
      });
    });
    server = await startServer(database.connection);
    spy.mockRestore();
  });

  afterAll(async () => {
    await server.close();
    await database.drop();
  });

  afterEach(async () => {
    for (const one of others.splice(0)) await one.close();
  });
}

/** Servers that a test starts beside the suite's own, and stops afterwards. */
const others: TestServer[] = [];

export async function another(
  ...overrides: Parameters<typeof startServer> extends [unknown, ...infer Rest] ? Rest : never
) {
  const started = await startServer(database.connection, ...overrides);
  others.push(started);
  return started;
}

const TEXT = expect.stringMatching(/^[A-Z].*\.$/);
const CODE = expect.stringMatching(/^[a-z_]+$/);

/** What an error looks like, with its status, in the dialect of a route. */
export const WORDED: Record<string, (status: number, text?: unknown) => unknown> = {
  account: (_, text = TEXT) => ({ id: CODE, message: text }),
  connect: (status, text = TEXT) => ({ status_code: status, message: text }),
  oauth: (_, text = TEXT) => ({ error: CODE, error_description: text }),
  publicauth: (_, text = TEXT) => ({ message: text }),
  'app-token': () => ({ errors: expect.any(Object) }),
  page: () => expect.stringMatching(/^<!doctype html>[^]+<p role="alert">[A-Z].*\.<\/p>/),
};
