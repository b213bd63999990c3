import { setTimeout as sleep } from 'node:timers/promises';
import { basic } from '../support/oauth.js';
import { bearer, claimsOf, newEmail, type Answer } from '../support/server.js';
import { ADMIN, APP_TOKEN, CLIENT, type Replica } from './world.js';

/** For how long a credential may be accepted after its revocation was acknowledged, in milliseconds. */
const PROMISE = 2_000;

type Headers = Record<string, string>;

/** A credential, and how it is shown. */
interface Credential {
  kind: string;
  path: string;
  headers: Headers;
  /** When its revocation was acknowledged, on this process's monotonic clock. */
  revokedAt?: number;
  /** When it was first refused after that, by each replica. */
  refusedAt: Map<Replica, number>;
}

/** What was acknowledged, and what has to hold of it. */
class Ledger {
  readonly accounts: { email: string; password: string }[] = [];
  readonly identifications: string[] = [];
  readonly live: Credential[] = [];
  readonly revoked: Credential[] = [];
  acknowledged = 0;
}

/** Everything that went against a promise, by which one. */
export interface Violations {
  lost: string[];
  revokedAccepted: string[];
  wronglyRefused: string[];
  sessionsEnded: string[];
  failures: string[];
}

/**
 * Clients that never pause for long: sign-ups, refresh chains, tokens of every kind, acts of an admin and
 * identifications. They write down what was acknowledged, and what was not as promised.
 */
export class Mix {
  readonly violations: Violations = {
    lost: [],
    revokedAccepted: [],
    wronglyRefused: [],
    sessionsEnded: [],
    failures: [],
  };
  readonly statuses = new Map<string, number>();
  private readonly ledger = new Ledger();
  private stopped = false;
  private readonly loops: Promise<void>[] = [];
  private admin: Headers = {};
  private turn = 0;
  private last = '';

  constructor(private readonly replicas: readonly [Replica, Replica]) {}

  get acknowledged(): number {
    return this.ledger.acknowledged;
  }

  /** How long it took until a revocation was in force everywhere, in milliseconds: the median. */
  get revocationDelay(): number {
    const delays = this.ledger.revoked
      .filter(({ refusedAt }) => refusedAt.size === this.replicas.length)
      .map(({ revokedAt = 0, refusedAt }) => Math.max(...refusedAt.values()) - revokedAt)
      .sort((one, other) => one - other);
    return delays[Math.floor(delays.length / 2)] ?? NaN;
  }

  async start(): Promise<void> {
    this.admin = await this.signInAdmin();
    for (const make of this.makers()) this.ledger.live.push(await this.insist(make));
    const loops = [
      () => this.signUps(),
      ...Array.from({ length: 6 }, (_, index) => () => this.refreshes(index)),
      () => this.revocations(),
      () => this.revocations(),
      () => this.checks(),
      () => this.checks(),
      () => this.identifications(),
      () => this.administration(),
    ];
    this.loops.push(...loops.map((loop) => loop()));
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.loops);
  }

  /** After the fault: what was acknowledged is there, what was revoked is refused, what was not is accepted. */
  async verify(): Promise<void> {
    for (const { email, password } of sample(this.ledger.accounts)) {
      const answer = await this.insistOnAnswer('POST', '/account/session', { account: { email, password } });
      if (answer.status !== 200) this.violations.lost.push(`${email} signed up and cannot sign in: ${answer.status}`);
    }
    for (const id of sample(this.ledger.identifications)) {
      const path = `/api/identifications/${id}`;
      const answer = await this.insistOnAnswer('GET', path, undefined, basic(CLIENT.id, CLIENT.secret));
      if (answer.status !== 200) this.violations.lost.push(`the identification ${id}: ${answer.status}`);
    }
    for (const replica of this.replicas) {
      for (const { kind, path, headers } of sample(this.ledger.revoked)) {
        const { status } = await this.insistOnAnswer('GET', path, undefined, headers, replica);
        if (status !== 401) this.violations.revokedAccepted.push(`${kind}, at the end: ${status}`);
      }
      for (const { kind, path, headers } of this.ledger.live) {
        const { status } = await this.insistOnAnswer('GET', path, undefined, headers, replica);
        if (status !== 200) this.violations.wronglyRefused.push(`${kind}, at the end: ${status}`);
      }
    }
  }

  private any(): Replica {
    this.turn += 1;
    return this.turn % 2 === 0 ? this.replicas[0] : this.replicas[1];
  }

  /** One request. @returns undefined when it was not answered, or was answered 503 */
  private async ask(
    method: string,
    path: string,
    body?: unknown,
    headers: Headers = {},
    replica = this.any(),
  ): Promise<Answer | undefined> {
    const answer = await replica.ask(method, path, body, headers);
    const status = answer?.status ?? 'none';
    this.statuses.set(String(status), (this.statuses.get(String(status)) ?? 0) + 1);
    if (answer && answer.status >= 500 && answer.status !== 503) {
      this.violations.failures.push(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
    if (answer?.status === 503 && !answer.headers.has('retry-after')) {
      this.violations.failures.push(`${method} ${path}: 503 without Retry-After`);
    }
    this.last = `${method} ${path}: ${status} ${JSON.stringify(answer?.body)}`;
    if (!answer || answer.status === 503) await sleep(100);
    return answer?.status === 503 ? undefined : answer;
  }

  private async insistOnAnswer(...request: Parameters<Mix['ask']>): Promise<Answer> {
    for (let tries = 0; tries < 300; tries += 1) {
      const answer = await this.ask(...request);
      if (answer) return answer;
    }
    throw new Error(`${request[0]} ${request[1]} was never answered.`);
  }

  private async insist<T>(make: () => Promise<T | undefined>): Promise<T> {
    for (let tries = 0; tries < 300; tries += 1) {
      const made = await make();
      if (made) return made;
    }
    throw new Error(`What the mix needs could not be made. The last answer: ${this.last}`);
  }

  private signInAdmin(): Promise<Headers> {
    return this.insist(async () => {
      const login = { username: ADMIN.email, password: ADMIN.password };
      const answer = await this.ask('POST', '/api/v1/token/', login, { 'app-token': APP_TOKEN });
      return answer?.status === 200
        ? { 'app-token': APP_TOKEN, token: (answer.body as { token: string }).token }
        : undefined;
    });
  }

  /** @param isKept whether it can be signed in to for ever */
  private async signUp(
    isKept = true,
  ): Promise<{ id: string; email: string; password: string; token: string; refresh: string } | undefined> {
    const account = { email: newEmail(), password: 'an example', remember_me: true };
    const answer = await this.ask('POST', '/accounts', { account });
    if (answer?.status !== 201) return undefined;
    const { token, refresh_token: refresh } = answer.body as { token: string; refresh_token: string };
    this.ledger.acknowledged += 1;
    if (isKept) this.ledger.accounts.push(account);
    return { id: claimsOf(token).data.id, email: account.email, password: account.password, token, refresh };
  }

  private async signUps(): Promise<void> {
    while (!this.stopped) {
      await this.signUp();
      await sleep(60);
    }
  }

  /** A client that asks one at a time, and asks again with what it has when there was no answer. */
  private async refreshes(index: number): Promise<void> {
    let refresh = (await this.insist(() => this.signUp())).refresh;
    while (!this.stopped) {
      await sleep(40 + index * 10);
      const answer = await this.ask('PUT', '/account/session', {
        account: { refresh_token: refresh, remember_me: true },
      });
      if (!answer) continue;
      if (answer.status >= 300) {
        this.violations.sessionsEnded.push(`a refresh was answered ${answer.status}: ${JSON.stringify(answer.body)}`);
        refresh = (await this.insist(() => this.signUp())).refresh;
        continue;
      }
      this.ledger.acknowledged += 1;
      refresh = (answer.body as { refresh_token: string }).refresh_token;
    }
  }

  /** How a credential of each kind is made. */
  private makers(): (() => Promise<Credential | undefined>)[] {
    const credential = (kind: string, path: string, headers: Headers): Credential => {
      this.ledger.acknowledged += 1;
      return { kind, path, headers, refusedAt: new Map() };
    };
    return [
      async () => {
        const user = await this.signUp();
        return user && credential('session', `/accounts/${user.id}`, bearer(user.token));
      },
      async () => {
        const body = { account_id: `ACCOUNT ${this.ledger.acknowledged}`, description: 'Faults' };
        const answer = await this.ask('POST', '/v1/frontend/auth', body, { 'app-token': APP_TOKEN });
        if (answer?.status !== 200) return undefined;
        return credential('API token', '/v1/api/auth', bearer((answer.body as { token: string }).token));
      },
      async () => {
        const user = await this.signUp();
        if (!user) return undefined;
        const answer = await this.ask('POST', '/api/v1/tokens/', { user: user.id }, this.admin);
        if (answer?.status !== 201) return undefined;
        const headers = { 'app-token': APP_TOKEN, token: (answer.body as { token: string }).token };
        return credential('user token', '/api/v1/tokens/', headers);
      },
    ];
  }

  private async revoke({ kind, headers }: Credential): Promise<boolean> {
    switch (kind) {
      case 'session':
        return (await this.ask('DELETE', '/account/session', undefined, headers))?.status === 200;
      case 'API token': {
        const token = headers.authorization?.split(' ')[1];
        const checked = await this.ask('GET', '/v1/api/auth', undefined, headers);
        if (checked?.status !== 200) return false;
        const { account_id: account } = checked.body as { account_id: string };
        const path = `/v1/frontend/auth/${encodeURIComponent(account)}`;
        return (await this.ask('DELETE', path, { token }, { 'app-token': APP_TOKEN }))?.status === 200;
      }
      default:
        return (await this.ask('DELETE', `/api/v1/tokens/${headers.token}`, undefined, headers))?.status === 204;
    }
  }

  /** Makes credentials, warms them on all replicas, revokes them, and shows them for a while. */
  private async revocations(): Promise<void> {
    while (!this.stopped) {
      for (const make of this.makers()) {
        const made = await make();
        if (!made) continue;
        for (const replica of this.replicas) await this.ask('GET', made.path, undefined, made.headers, replica);
        if (!(await this.revoke(made))) continue;
        made.revokedAt = performance.now();
        this.ledger.acknowledged += 1;
        this.ledger.revoked.push(made);
        await Promise.all(this.replicas.map((replica) => this.showRevoked(made, replica)));
      }
    }
  }

  private async showRevoked(credential: Credential, replica: Replica): Promise<void> {
    const { kind, path, headers, revokedAt = 0, refusedAt } = credential;
    while (!this.stopped && !refusedAt.has(replica)) {
      const begun = performance.now();
      const answer = await this.ask('GET', path, undefined, headers, replica);
      if (answer?.status === 401) refusedAt.set(replica, performance.now());
      else if (answer?.status === 200 && begun - revokedAt > PROMISE) {
        this.violations.revokedAccepted.push(`${kind}, ${Math.round(begun - revokedAt)} ms after its revocation`);
      }
      if (performance.now() - revokedAt > 5 * PROMISE) return;
      await sleep(20);
    }
  }

  /** What is good has to be accepted, or be told 503. */
  private async checks(): Promise<void> {
    while (!this.stopped) {
      for (const { kind, path, headers } of this.ledger.live) {
        const answer = await this.ask('GET', path, undefined, headers);
        if (answer && answer.status !== 200) this.violations.wronglyRefused.push(`${kind}: ${answer.status}`);
        await sleep(10);
      }
    }
  }

  private async identifications(): Promise<void> {
    while (!this.stopped) {
      const visitor = { ip: '192.0.2.1', user_agent: 'faults', url: 'https://example.org/' };
      const answer = await this.ask('POST', '/api/identifications', visitor, basic(CLIENT.id, CLIENT.secret));
      if (answer?.status === 201) {
        this.ledger.acknowledged += 1;
        this.ledger.identifications.push((answer.body as { id: string }).id);
      }
      await sleep(50);
    }
  }

  /** Disables accounts, whose sessions are good for nothing then. */
  private async administration(): Promise<void> {
    while (!this.stopped) {
      await sleep(100);
      const user = await this.signUp(false);
      if (!user) continue;
      const session: Credential = {
        kind: 'session of a disabled account',
        path: `/accounts/${user.id}`,
        headers: bearer(user.token),
        refusedAt: new Map(),
      };
      const answer = await this.ask('PATCH', `/api/v1/accounts/${user.id}`, { disabled: true }, this.admin);
      if (answer?.status === 401 || answer?.status === 403) this.violations.wronglyRefused.push('the admin');
      if (answer?.status !== 200) continue;
      session.revokedAt = performance.now();
      this.ledger.acknowledged += 1;
      this.ledger.revoked.push(session);
      await Promise.all(this.replicas.map((replica) => this.showRevoked(session, replica)));
    }
  }
}

/** The last ones, which the fault has come upon, and some from all over. */
function sample<T>(items: T[]): T[] {
  const step = Math.max(1, Math.floor(items.length / 40));
  return [...new Set([...items.slice(-40), ...items.filter((_, index) => index % step === 0)])];
}
