import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, it } from '@jest/globals';
import { clusterWith, dump, latchkey, look, restore, serve, signIn, signUp, stopClusters } from './support/backup.js';
import { Balancer } from './support/balancer.js';
import { hasPostgres } from './support/postgres-cluster.js';
import { cleanUp, eventually, freePort } from './support/process.js';
import { bearer, call, claimsOf, newEmail, type Answer } from './support/server.js';
import { describeWhere } from './support/where.js';

afterAll(async () => {
  await stopClusters();
  await cleanUp();
});

/** People who sign up, look and sign out, again and again. */
class People {
  /** What each request was answered, in the phase in which its person had come. */
  readonly answers = new Map<string, number>();
  phase = 'before';
  private isOver = false;
  private readonly loops: Promise<void>[];

  constructor(private readonly url: string) {
    this.loops = [1, 2, 3, 4].map(() => this.come());
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.loops);
  }

  in(phase: string): string[] {
    const kinds = [...this.answers.keys()].filter((kind) => kind.startsWith(`${phase}: `));
    return kinds.map((kind) => kind.slice(phase.length + 2)).sort();
  }

  count(kind: string): number {
    return this.answers.get(kind) ?? 0;
  }

  private async come(): Promise<void> {
    while (!this.isOver) {
      const { phase } = this;
      const account = { email: newEmail(), password: 'an example of a password' };
      const { status, body } = await this.ask(phase, 'sign-up', 'POST', '/accounts', { account });
      if (status === 201) {
        const { token } = body as { token: string };
        await this.ask(phase, 'look', 'GET', `/accounts/${claimsOf(token).data.id}`, undefined, bearer(token));
        await this.ask(phase, 'sign-out', 'DELETE', '/account/session', undefined, bearer(token));
      }
      await sleep(50);
    }
  }

  private async ask(
    phase: string,
    step: string,
    method: string,
    path: string,
    ...rest: [unknown?, Record<string, string>?]
  ) {
    const answer = await call(`${this.url}${path}`, method, ...rest).catch(
      (error: unknown) => ({ status: String(error), headers: new Headers(), body: '' }) as unknown as Answer,
    );
    const wait = answer.status === 503 && Number(answer.headers.get('retry-after')) > 0 ? ' with Retry-After' : '';
    const kind = `${phase}: ${step} ${answer.status}${wait}`;
    this.answers.set(kind, this.count(kind) + 1);
    return answer;
  }
}

const describeBackup = describeWhere({
  has: hasPostgres,
  otherwise: 'there is no PostgreSQL with its tools (apt-get install postgresql)',
});

describeBackup('A restore under load, with two replicas', () => {
  it('is an outage of 503 with Retry-After, and afterwards nothing is wrong', async () => {
    const cluster = await clusterWith('latchkey');
    const ports = [await freePort(), await freePort()];
    const start = (url: string, index: number) =>
      serve(url, { PORT: String(ports[index]), SHUTDOWN_DELAY: '1', LOG_LEVEL: 'warn' });
    const replicas = [await start(cluster.urlOf('latchkey'), 0), await start(cluster.urlOf('latchkey'), 1)];
    const balancer = await Balancer.start(ports);
    const [one] = replicas;
    if (!one) throw new Error('There is no replica.');
    const early = await signUp(one);
    const people = new People(balancer.url);
    try {
      await sleep(2_000);
      const path = dump(cluster.urlOf('latchkey'));
      const late = await signUp(one);
      await sleep(1_000);

      people.phase = 'outage';
      cluster.query('postgres', 'ALTER DATABASE latchkey ALLOW_CONNECTIONS false');
      cluster.query('postgres', `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'latchkey'`);
      await eventually(() => {
        expect(people.count('outage: sign-up 503 with Retry-After')).toBeGreaterThan(10);
      });
      const url = restore(cluster, path);
      await latchkey(url, 'migrate');
      await latchkey(url, 'revoke-everything', '--yes');
      for (const index of [0, 1]) {
        expect(await replicas[index]?.stop()).toMatchObject({ code: 0 });
        replicas[index] = await start(url, index);
      }
      people.phase = 'after';
      await eventually(() => {
        expect(people.count('after: sign-out 200')).toBeGreaterThan(20);
      });
      for (const server of replicas) {
        for (const person of [early, late]) expect(await look(server, person)).toBe(401);
        expect(await signIn(server, early)).toBe(200);
        expect(await signIn(server, late)).toBe(401);
        expect(server.log.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
      }
    } finally {
      await people.stop();
      await balancer.close();
    }
    process.stdout.write(`${JSON.stringify(Object.fromEntries(people.answers))}\n`);
    const good = ['look 200', 'sign-out 200', 'sign-up 201'];
    expect(people.in('after')).toEqual(good);
    // Whoever had come when it began, or is answered by a replica that is back while the other one is not, may meet it midway.
    const away = ['look 503 with Retry-After', 'sign-out 503 with Retry-After', 'sign-up 503 with Retry-After'];
    expect(people.in('before').filter((kind) => ![...good, ...away].includes(kind))).toEqual([]);
    expect(people.in('outage').filter((kind) => ![...good, ...away].includes(kind))).toEqual([]);
  });
});
