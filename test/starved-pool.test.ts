import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type pg from 'pg';
import { DataSource } from 'typeorm';
import { createDatabase, type TestDatabase } from './support/database.js';
import { eventually } from './support/process.js';
import { bearer, signUp, startServer, type Answer, type TestServer } from './support/server.js';
import { makeAdmin, newApiToken } from './support/tokens.js';

/** On a machine that is busy; 5 s on one that is not. In milliseconds. */
const LONGEST = 20_000;

let database: TestDatabase;
let server: TestServer;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection, { databasePoolSize: 3, databaseConnectTimeout: 1_000 });
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

it('a lock on one table leaves checks of credentials that are in memory, and revocations, as they are', async () => {
  const { appToken } = await makeAdmin(server);
  const [kept, revoked] = [await newApiToken(server, appToken, 'A'), await newApiToken(server, appToken, 'B')];
  const check = async (token: string) => (await server.call('GET', '/v1/api/auth', undefined, bearer(token))).status;
  for (const token of [kept, revoked]) expect(await check(token)).toBe(200);

  const { email, password } = await signUp(server);

  // Signing in counts attempts; nothing else asks that table.
  const holder = await database.hold('LOCK TABLE sign_in_failures IN ACCESS EXCLUSIVE MODE');
  try {
    const answers: (Answer & { took: number })[] = [];
    const signInAgainAndAgain = async (): Promise<void> => {
      while (answers.length < 36) {
        const begun = Date.now();
        const answer = await server.call('POST', '/account/session', { account: { email, password } });
        answers.push({ ...answer, took: Date.now() - begun });
      }
    };
    // More at once than there are connections.
    const crowd = Promise.all(Array.from({ length: 12 }, signInAgainAndAgain));
    for (let count = 0; count < 200; count += 1) expect(await check(kept)).toBe(200);
    const path = '/v1/frontend/auth/B/revoke-all';
    expect((await server.call('DELETE', path, undefined, { 'app-token': appToken })).status).toBe(200);
    // It has to be looked up now, for which there is no connection.
    expect(await check(revoked)).not.toBe(200);
    await crowd;
    expect(await check(kept)).toBe(200);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
    expect(answers.filter(({ took }) => took > LONGEST)).toEqual([]);
    // An outage is one line, not one for each request.
    expect(server.logs.filter((line) => /"msg":"the database is (unavailable:|too slow)/.test(line))).toHaveLength(1);
  } finally {
    await holder.end();
  }
  await eventually(async () => {
    expect((await server.call('POST', '/account/session', { account: { email, password } })).status).toBe(200);
  });
  expect(await check(revoked)).toBe(401);
});

it('a plan whose column has changed its type since is made anew, without a failure', async () => {
  const { appToken } = await makeAdmin(server);
  const token = await newApiToken(server, appToken, 'C');
  const check = async () => {
    // What is in memory would not be looked up.
    await database.query(`SELECT pg_notify('latchkey_revocations', 'gateway C')`);
    return (await server.call('GET', '/v1/api/auth', undefined, bearer(token))).status;
  };
  for (let count = 0; count < 8; count += 1) expect(await check()).toBe(200);
  await database.query('ALTER TABLE tokens ALTER COLUMN kind TYPE varchar(20)');
  await database.query('ALTER TABLE accounts ALTER COLUMN email TYPE varchar(300)');
  for (let count = 0; count < 8; count += 1) expect(await check()).toBe(200);
  expect(server.logs.filter((line) => line.includes('cached plan'))).toEqual([]);
});

it('a session of PostgreSQL ends by itself when nobody asks it anything any more', async () => {
  const { driver } = server.app.get<DataSource, { driver: { master: pg.Pool } }>(DataSource);
  const [row] = (
    await driver.master.query<Record<string, string>>(
      `SELECT current_setting('idle_session_timeout') AS idle, current_setting('statement_timeout') AS statement`,
    )
  ).rows;
  expect(row).toEqual({ idle: '1min', statement: '2300ms' });
});
