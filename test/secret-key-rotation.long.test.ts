import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Balancer } from './support/balancer.js';
import { createDatabase, urlOf, type TestDatabase } from './support/database.js';
import { cleanUp, eventually, freePort, newFolder, ServerProcess } from './support/process.js';
import { bearer, call, claimsOf, newEmail, TEST_SECRET_KEY as OLD, type Answer } from './support/server.js';

const NEW = 'the next secret key of the tests that is long enough';

let database: TestDatabase;
let dataDir: string;
let ports: [number, number];
let replicas: ServerProcess[];
let balancer: Balancer;

beforeAll(async () => {
  database = await createDatabase();
  dataDir = newFolder();
  ports = [await freePort(), await freePort()];
  replicas = await Promise.all(ports.map((port) => startOn(port, OLD)));
  balancer = await Balancer.start(ports, 100);
});

afterAll(async () => {
  await balancer.close();
  await cleanUp();
  await database.drop();
});

const settings = (secretKey: string) => ({
  DATABASE_URL: urlOf(database.connection),
  DATA_DIR: dataDir,
  SECRET_KEY: secretKey,
  PUBLIC_URL: 'http://latchkey.test',
  BCRYPT_COST: '4',
  RATE_LIMIT_PER_MINUTE: '0',
  SHUTDOWN_DELAY: '1',
  LOG_LEVEL: 'warn',
});

async function startOn(port: number, secretKey: string): Promise<ServerProcess> {
  return (await ServerProcess.start({ ...settings(secretKey), PORT: String(port) })).ready();
}

/** Restarts one replica after the other, as a rolling update does, with both under load in between. */
async function restartWith(secretKey: string): Promise<void> {
  for (const [index, port] of ports.entries()) {
    expect(await replicas[index]?.stop()).toMatchObject({ code: 0 });
    replicas[index] = await startOn(port, secretKey);
    await eventually(() => {
      expect(balancer.trusts(port)).toBe(true);
    });
    await sleep(1_500);
  }
}

async function check(): Promise<{ code: number | null; output: string }> {
  const program = resolve('dist/src/commands/latchkey.js');
  const run = await ServerProcess.start(settings(`${NEW},${OLD}`), {
    command: [process.execPath, program, 'secret', 'rotate', '--check'],
  });
  return { ...(await run.exited), output: run.output };
}

/** People who sign up, look, refresh, reset their password by mail and sign out, each step at whichever replica comes next. */
class People {
  /** How often each step was answered with what. */
  readonly answers = new Map<string, number>();
  readonly failures: string[] = [];
  private isOver = false;
  private readonly loops: Promise<void>[];

  constructor() {
    const visitors = [1, 2, 3].map(() => this.again(() => this.visit()));
    this.loops = [...visitors, this.again(() => this.forget()), this.stay(), this.stay()];
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.loops);
  }

  count(step: string): number {
    return this.answers.get(step) ?? 0;
  }

  private async again(turn: () => Promise<void>): Promise<void> {
    while (!this.isOver) {
      await turn();
      await sleep(20);
    }
  }

  /** A session of one visit. */
  private async visit(): Promise<void> {
    const { token, refresh } = await this.signUp();
    await this.look(token);
    const next = await this.refresh(refresh);
    await this.look(next.token);
    await this.ask('sign-out', 200, 'DELETE', '/account/session', undefined, bearer(next.token));
  }

  /** A session that stays, and refreshes again and again. */
  private async stay(): Promise<void> {
    let { token, refresh } = await this.signUp();
    while (!this.isOver) {
      ({ token, refresh } = await this.refresh(refresh));
      await this.look(token);
      await sleep(100);
    }
  }

  /** A link that one replica mails, and whichever opens. */
  private async forget(): Promise<void> {
    const { email } = await this.signUp();
    await this.ask('reset', 200, 'POST', '/account/password', { account: { email } });
    const reset = await eventually(() => mailedToken(email));
    const account = { reset_password_token: reset, password: 'another example', remember_me: true };
    const { body } = await this.ask('new password', 200, 'PUT', '/account/password', { account });
    const { token = '' } = body as { token?: string };
    await this.ask('sign-out', 200, 'DELETE', '/account/session', undefined, bearer(token));
  }

  private async signUp(): Promise<{ email: string; token: string; refresh: string }> {
    const email = newEmail();
    const account = { email, password: 'an example', remember_me: true };
    const { body } = await this.ask('sign-up', 201, 'POST', '/accounts', { account });
    return { email, ...sessionIn(body) };
  }

  private async refresh(shown: string): Promise<{ token: string; refresh: string }> {
    const account = { refresh_token: shown, remember_me: true };
    return sessionIn((await this.ask('refresh', 200, 'PUT', '/account/session', { account })).body);
  }

  private async look(token: string): Promise<void> {
    await this.ask('look', 200, 'GET', `/accounts/${claimsOf(token).data.id}`, undefined, bearer(token));
  }

  private async ask(step: string, wanted: number, ...[method, path, ...rest]: Parameters<ServerProcess['call']>) {
    const { status, body } = await call(`${balancer.url}${path}`, method, ...rest).catch(
      (error: unknown) => ({ status: String(error), body: undefined }) as unknown as Answer,
    );
    if (status === wanted) this.answers.set(step, this.count(step) + 1);
    else this.failures.push(`${step}: ${status} ${JSON.stringify(body)}`);
    return { body: body as unknown };
  }
}

function sessionIn(body: unknown): { token: string; refresh: string } {
  const { token = '', refresh_token: refresh = '' } = body as { token?: string; refresh_token?: string };
  return { token, refresh };
}

function mailedToken(email: string): string {
  const folder = join(dataDir, 'mail');
  for (const name of readdirSync(folder).filter((one) => one.endsWith('.eml'))) {
    const mail = readFileSync(join(folder, name), 'utf8');
    const token = /#token=(\S+)$/m.exec(mail)?.[1];
    if (mail.includes(`To: ${email}`) && token !== undefined) return token;
  }
  throw new Error(`There is no mail for ${email}.`);
}

it('SECRET_KEY is replaced under load, by rolling restarts of two replicas, and no request fails', async () => {
  const key = { 'idempotency-key': randomUUID() };
  const account = { email: newEmail(), password: 'an example' };
  const made = await call(`${balancer.url}/accounts`, 'POST', { account }, key);
  expect(made.status).toBe(201);
  const repeat = async () => (await call(`${balancer.url}/accounts`, 'POST', { account }, key)).body as unknown;

  const people = new People();
  try {
    await sleep(2_000);
    await restartWith(`${OLD},${NEW}`);
    expect(await repeat()).toEqual(made.body);
    await restartWith(`${NEW},${OLD}`);
    expect(await repeat()).toEqual(made.body);
    expect(await check()).toMatchObject({ code: 1, output: expect.stringContaining('a server signs with it') });

    // Whoever stays has refreshed since.
    const refreshes = people.count('refresh');
    await eventually(() => {
      expect(people.count('refresh')).toBeGreaterThan(refreshes + 40);
    });
    // As though it were four minutes since a server last signed with the old one, and a day since the first request.
    await database.query(
      `UPDATE secret_keys SET current_until = current_until - interval '4 minutes'
       WHERE id = (SELECT id FROM secret_keys ORDER BY current_from LIMIT 1)`,
    );
    await database.query('UPDATE idempotency_keys SET expires_at = now()');
    expect(await check()).toMatchObject({ code: 0, output: expect.stringContaining('Nothing needs it any more') });
    await restartWith(NEW);
  } finally {
    await people.stop();
  }
  process.stdout.write(`${JSON.stringify(Object.fromEntries(people.answers))}, ${people.failures.length} failed\n`);
  expect(people.failures).toEqual([]);
  for (const step of ['sign-up', 'look', 'refresh', 'reset', 'new password', 'sign-out'])
    expect(people.count(step)).toBeGreaterThan(10);
});
