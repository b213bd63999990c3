import { expect } from '@jest/globals';
import { eventually } from './process.js';
import { bearer, claimsOf, newEmail, type Answer } from './server.js';

/** What the four documents are asked for, as requests that go to one server after the other. */

/** The first credentials, as `BOOTSTRAP_*` gives them to an empty database. */
export const FIRST = {
  BOOTSTRAP_ADMIN_EMAIL: 'admin@example.org',
  BOOTSTRAP_ADMIN_PASSWORD: 'the password of an admin',
  BOOTSTRAP_APP_TOKEN: '0123456789abcdef0123456789abcdef',
  BOOTSTRAP_CLIENT_ID: '6c2f41c2-9f32-4f0b-bb39-5a2d5e1f8f0a',
  BOOTSTRAP_CLIENT_SECRET: 'a-secret-of-a-client-that-is-long-enough',
};

type Headers = Record<string, string>;
type Fields = Record<string, string>;

/** Asks one server after the other, and keeps what was not answered as the documents say. */
export class Visitor {
  readonly failures: string[] = [];
  requests = 0;

  constructor(private readonly next: () => { call(...args: Parameters<CallOf>): Promise<Answer> }) {}

  /** Goes through all four documents once: what one server makes, another one takes, and refuses once it has ended. */
  async visit(): Promise<void> {
    await this.account();
    await this.appTokens();
    await this.gateway();
    await this.connect();
  }

  private async account(): Promise<void> {
    const account = { email: newEmail(), password: 'an example', remember_me: true };
    const { token = '', refresh_token = '' } = await this.ask(201, 'POST', '/accounts', { account });
    if (token === '') return;
    const { id } = claimsOf(token).data;
    const path = `/accounts/${id}`;
    await this.ask(200, 'GET', path, undefined, bearer(token), { data: { id, email: account.email } });
    const shown = { account: { refresh_token, remember_me: true } };
    const { token: later = '' } = await this.ask(200, 'PUT', '/account/session', shown);
    const signIn = { account: { email: account.email, password: account.password } };
    const { token: other = '' } = await this.ask(200, 'POST', '/account/session', signIn);
    await this.ask(401, 'POST', '/account/session', { account: { ...signIn.account, password: 'another' } });
    await this.ask(422, 'POST', '/accounts', { account: { email: 'nobody' } });
    await this.ask(409, 'POST', '/accounts', { account });
    await this.ask(200, 'POST', '/account/password', { account: { email: account.email } });
    await this.ask(200, 'DELETE', '/account/session', undefined, bearer(later));
    for (const ended of [token, later, other]) await this.refused('GET', path, undefined, bearer(ended));
  }

  private async appTokens(): Promise<void> {
    const app = { 'app-token': FIRST.BOOTSTRAP_APP_TOKEN };
    const login = { username: FIRST.BOOTSTRAP_ADMIN_EMAIL, password: FIRST.BOOTSTRAP_ADMIN_PASSWORD };
    const { token = '' } = await this.ask(200, 'POST', '/api/v1/token/', login, app);
    const admin = { ...app, token };
    const { app_token = '' } = await this.ask(201, 'POST', '/api/v1/app_tokens/', {}, admin);
    const { token: other = '' } = await this.ask(200, 'POST', '/api/v1/token/', login, { 'app-token': app_token });
    const through = { 'app-token': app_token, token: other };
    await this.ask(200, 'GET', '/api/v1/tokens/', undefined, through);
    await this.ask(200, 'PATCH', `/api/v1/tokens/${other}`, { seconds_until_expire: 600 }, admin);
    await this.ask(204, 'DELETE', `/api/v1/tokens/${other}`, undefined, admin);
    await this.refused('GET', '/api/v1/tokens/', undefined, through);
    await this.ask(204, 'DELETE', `/api/v1/app_tokens/${app_token}`, undefined, admin);
    await this.refused('POST', '/api/v1/token/', login, { 'app-token': app_token });
    await this.ask(204, 'DELETE', `/api/v1/tokens/${token}`, undefined, admin);
    await this.refused('GET', '/api/v1/tokens/', undefined, admin);
  }

  private async gateway(): Promise<void> {
    const account_id = newEmail();
    const path = `/v1/frontend/auth/${encodeURIComponent(account_id)}`;
    const body = { account_id, description: 'A key' };
    const { token = '' } = await this.ask(200, 'POST', '/v1/frontend/auth', body);
    const { token: second = '' } = await this.ask(200, 'POST', '/v1/frontend/auth', body);
    for (const good of [token, second])
      await this.ask(200, 'GET', '/v1/api/auth', undefined, bearer(good), { account_id });
    await this.ask(200, 'GET', path);
    await this.ask(200, 'DELETE', path, { token });
    await this.refused('GET', '/v1/api/auth', undefined, bearer(token));
    await this.ask(200, 'GET', '/v1/api/auth', undefined, bearer(second));
    await this.ask(200, 'DELETE', `${path}/revoke-all`);
    await this.refused('GET', '/v1/api/auth', undefined, bearer(second));
  }

  private async connect(): Promise<void> {
    const named = `${FIRST.BOOTSTRAP_CLIENT_ID}:${FIRST.BOOTSTRAP_CLIENT_SECRET}`;
    const basic = { authorization: `Basic ${Buffer.from(named).toString('base64')}` };
    const { access_token = '' } = await this.ask(201, 'POST', '/oauth/v2/token', {}, basic);
    const client = bearer(access_token);
    const name = newEmail();
    const { id = '' } = await this.ask(201, 'POST', '/api/accounts', { name }, client);
    await this.ask(409, 'POST', '/api/accounts', { name }, client);
    await this.ask(200, 'GET', `/api/accounts/${id}`, undefined, client, { id, name });
    await this.ask(200, 'PATCH', `/api/accounts/${id}`, { name: `${name} again` }, client);
    const visitor = { ip: '203.0.113.1', url: 'https://publisher.example/read', user_agent: 'example' };
    const { id: seen = '' } = await this.ask(201, 'POST', '/api/identifications', visitor, client);
    await this.ask(200, 'GET', `/api/identifications/${seen}`, undefined, client);
    await this.ask(204, 'DELETE', `/api/accounts/${id}`, undefined, client);
    await this.ask(404, 'GET', `/api/accounts/${id}`, undefined, client);
    await this.ask(200, 'POST', '/oauth/introspect', { token: access_token }, basic, { active: true });
    await this.ask(200, 'POST', '/oauth/revoke', { token: access_token }, basic);
    await this.refused('GET', '/api', undefined, client);
    await this.ask(200, 'POST', '/oauth/introspect', { token: access_token }, basic, { active: false });
  }

  /** What has ended is refused where it was ended, and by who hears of it a moment later. */
  private async refused(method: string, path: string, body: unknown, headers: Headers): Promise<void> {
    for (const server of [this.next(), this.next()]) {
      await eventually(async () => {
        this.requests += 1;
        expect((await server.call(method, path, body, headers)).status).toBe(401);
      }).catch((error: unknown) => this.failures.push(`${method} ${path}: ${String(error)}`));
    }
  }

  /** @returns the body, of which the caller knows the fields. @param fields what has to be in it */
  private async ask(
    wanted: number,
    method: string,
    path: string,
    body?: unknown,
    headers: Headers = {},
    fields: object = {},
  ): Promise<Fields> {
    this.requests += 1;
    const answer = await this.next().call(method, path, body, headers);
    const shown = (answer.body ?? {}) as Record<string, unknown>;
    const differs = Object.entries(fields).some(
      ([name, value]) => JSON.stringify(shown[name]) !== JSON.stringify(value),
    );
    if (answer.status !== wanted || differs)
      this.failures.push(`${method} ${path}: ${answer.status} instead of ${wanted}, ${JSON.stringify(answer.body)}`);
    return shown as Fields;
  }
}

type CallOf = (method: string, path: string, body?: unknown, headers?: Headers) => Promise<Answer>;
