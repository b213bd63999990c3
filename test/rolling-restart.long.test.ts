import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Balancer, Crowd } from './support/balancer.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { cleanUp, freePort, ServerProcess } from './support/process.js';
import { bearer, claimsOf, TEST_SECRET_KEY } from './support/server.js';

/** How often each of the two balancers sees a server restarted, and how many requests there are meanwhile at the least. */
const RESTARTS = Number(process.env.RESTARTS ?? 3);
const REQUESTS = RESTARTS * 420;

let database: TestDatabase;
let env: Record<string, string>;
let ports: number[];
let replicas: ServerProcess[];

beforeAll(async () => {
  database = await createDatabase();
  const { user, password, host, port, database: name } = database.connection;
  env = {
    DATABASE_URL: `postgres://${user}:${encodeURIComponent(password)}@${encodeURIComponent(host)}:${port}/${name}`,
    SECRET_KEY: TEST_SECRET_KEY,
    PUBLIC_URL: 'http://latchkey.test',
    BCRYPT_COST: '4',
    RATE_LIMIT_PER_MINUTE: '0',
    LOG_LEVEL: 'warn',
    SHUTDOWN_DELAY: '1',
  };
  ports = [await freePort(), await freePort(), await freePort()];
  replicas = await Promise.all(ports.map(startOn));
});

afterAll(async () => {
  await cleanUp();
  await database.drop();
});

async function startOn(port: number): Promise<ServerProcess> {
  const server = await ServerProcess.start({ ...env, PORT: String(port) });
  return server.ready();
}

describe('Three replicas behind a plain TCP balancer, restarted one after the other', () => {
  it.each([
    ['that probes them', 100],
    ['that does not', undefined],
  ])('lose no request: a balancer %s', async (_, probeEvery) => {
    const account = { email: `somebody${String(probeEvery)}@example.org`, password: 'example' };
    const signedUp = await replicas[0]?.call('POST', '/accounts', { account: { ...account, remember_me: true } });
    const { token } = signedUp?.body as { token: string };
    const read = { method: 'GET', path: `/accounts/${claimsOf(token).data.id}`, headers: bearer(token) };
    const signUp = () => {
      const body = JSON.stringify({ account: { email: `${randomUUID()}@example.org`, password: 'example' } });
      return { method: 'POST', path: '/accounts', body };
    };
    const balancer = await Balancer.start(ports, probeEvery);
    const ask = () => (Math.random() < 0.05 ? signUp() : read);
    // Some that pause, and some that are never done.
    const crowds = [new Crowd(balancer.url, 30, 400, ask), new Crowd(balancer.url, 6, 10, ask)];
    const answered = () => crowds.reduce((sum, crowd) => sum + crowd.answered, 0);
    try {
      for (let turn = 0; turn < RESTARTS; turn += 1) {
        const index = turn % replicas.length;
        const { code } = (await replicas[index]?.stop()) ?? {};
        expect(code).toBe(0);
        replicas[index] = await startOn(ports[index] ?? 0);
      }
      while (answered() < REQUESTS) await new Promise((resolve) => setTimeout(resolve, 100));
    } finally {
      for (const crowd of crowds) await crowd.stop();
      await balancer.close();
    }
    const failures = crowds.flatMap((crowd) => crowd.failures);
    process.stdout.write(`${answered()} requests answered, ${failures.length} failed\n`);
    expect(failures).toEqual([]);
  });
});
