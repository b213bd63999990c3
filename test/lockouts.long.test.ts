import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import bcrypt from 'bcrypt';
import { createDatabase, urlOf, type TestDatabase } from './support/database.js';
import { cleanUp, eventually, ServerProcess } from './support/process.js';
import { newEmail, TEST_SECRET_KEY } from './support/server.js';

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase();
});

afterAll(async () => {
  await cleanUp();
  await database.drop();
});

describe('A process that is killed while it checks passwords', () => {
  it('leaves nothing behind: on another one, wrong passwords are counted from the first, and right ones go on', async () => {
    const env = {
      DATABASE_URL: urlOf(database.connection),
      SECRET_KEY: TEST_SECRET_KEY,
      BCRYPT_COST: '4',
      RATE_LIMIT_PER_MINUTE: '0',
      LOGIN_MAX_FAILURES: '5',
      HASHING_THREADS: '2',
    };
    const [killed, other] = await Promise.all([ServerProcess.start(env), ServerProcess.start(env)]);
    await Promise.all([killed.ready(), other.ready()]);
    const email = newEmail();
    const credentials = (password: string) => ({ account: { email, password } });
    expect((await other.call('POST', '/accounts', credentials('example'))).status).toBe(201);
    const cheap = await database.query<{ hash: string }>(
      'SELECT password_hash AS hash FROM accounts WHERE email = $1',
      [email],
    );
    // Comparisons that are still going on when the process is killed.
    const setHash = (value: string) =>
      database.query('UPDATE accounts SET password_hash = $2 WHERE email = $1', [email, value]);
    await setHash(await bcrypt.hash('example', 14));
    const underWay = async () =>
      (
        await database.query(
          `SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%AS addresses,%'
             AND pid <> pg_backend_pid()`,
        )
      ).length;
    const cut = Array.from({ length: 4 }, (_, index) =>
      killed.call('POST', '/account/session', credentials(index % 2 ? 'example' : 'wrong password')).then(
        ({ status }) => status,
        () => 'cut off',
      ),
    );
    await eventually(async () => {
      expect(await underWay()).toBeGreaterThan(0);
    });
    killed.kill('SIGKILL');
    await killed.exited;
    expect(await Promise.all(cut)).toContain('cut off');
    expect(await database.query('SELECT * FROM sign_in_failures')).toEqual([]);

    await setHash(cheap[0]?.hash ?? '');
    const signIn = async (password: string) =>
      (await other.call('POST', '/account/session', credentials(password))).status;
    for (let failure = 0; failure < 4; failure += 1) expect(await signIn('wrong password')).toBe(401);
    expect(await Promise.all(Array.from({ length: 12 }, () => signIn('example')))).toEqual(
      Array.from({ length: 12 }, () => 200),
    );
    for (let failure = 0; failure < 5; failure += 1) expect(await signIn('wrong password')).toBe(401);
    expect(await signIn('example')).toBe(429);
  });
});
