import { generateKeyPair } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { jest } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import 'reflect-metadata';
import { Clock } from '../../src/config/clock.js';
import { DatabaseClock } from '../../src/database/database-clock.service.js';
import { loadConfig, type Config } from '../../src/config/config.js';
import type { DatabaseConnection } from '../../src/config/database-url.js';
import { doorsOf, urlOf, type Door } from '../../src/config/doors.js';
import { openDoor } from '../../src/http/doors.js';
import { withoutPooler, type DatabaseAccess } from '../../src/database/connection.js';
import { describeApi } from '../../src/openapi/docs.js';
import type { ConnectionLimits } from '../../src/http/connections.js';
import { SigningKeys } from '../../src/keys/signing-keys.service.js';
import { createLogger } from '../../src/logging/logger.js';
import { createServer, fastifyOf, stopServer } from '../../src/server.js';
import { madeOnce } from './made-once.js';
import { SeenAnswers } from './openapi.js';

export const TEST_SECRET_KEY = 'a secret key of the tests that is long enough';

/** What a test sees of an answer. */
export interface Answer {
  status: number;
  headers: Headers;
  /** The body, parsed when it is JSON. */
  body: any;
}

export interface TestServer {
  url: string;
  /** Where each of its doors is: `url` is the public one. */
  doors: Partial<Record<Door, string>>;
  app: NestFastifyApplication;
  config: Config;
  /** Every line that the server has logged. */
  logs: string[];
  /** What `call` has been answered. */
  answers: SeenAnswers;
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** As though so much time had gone by, for what the server judges without the database: the `exp` of JWTs. */
  advanceClock(seconds: number): void;
  /** Sets the clock of the server's process, so many seconds ahead of the true time. */
  setClockAhead(seconds: number): void;
  /** @param delay as SHUTDOWN_DELAY. Without it nobody sends requests any more: idle connections are not waited for */
  close(delay?: number): Promise<void>;
}

let generated = 0;
// A suite has no key twice, but those of other suites: making one takes longer than all else that a server starts with.
jest.spyOn(SigningKeys.prototype, 'generate').mockImplementation((bits) => {
  generated += 1;
  return madeOnce(`key ${generated} of ${bits} bits`, () => promisify(generateKeyPair)('rsa', { modulusLength: bits }));
});

/** The settings of tests: cheap hashes and keys, and no limit on requests, unless a test says otherwise. */
export function testConfig(overrides: Partial<Config> = {}): Config {
  const config = loadConfig({
    PORT: '0',
    PUBLIC_URL: 'http://latchkey.test',
    BCRYPT_COST: '4',
    RATE_LIMIT_PER_MINUTE: '0',
    WRITE_LIMIT_PER_MINUTE: '0',
    SECRET_KEY: TEST_SECRET_KEY,
  });
  // Many suites at once are slow to get a connection.
  return { ...config, databaseConnectTimeout: 15_000, signingKeyBits: 2_048, cacheSize: 1_000, ...overrides };
}

/** Starts a whole server on a port of its own, unless `port` says which. Limits are those of {@link createServer}. */
export async function startServer(
  database: DatabaseConnection | DatabaseAccess,
  overrides: Partial<Config> = {},
  limits: Partial<ConnectionLimits> = {},
  { runsBackgroundJobs = true } = {},
): Promise<TestServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'latchkey-data-'));
  const config = testConfig({ dataDir, ...overrides });
  const logs: string[] = [];
  const logger = createLogger('debug', { write: (line) => logs.push(line) });
  const app = await createServer(
    {
      ...{ config, runsBackgroundJobs, secretKeys: config.secretKeys ?? [] },
      database: 'pool' in database ? database : withoutPooler(database),
    },
    logger,
    limits,
  );
  const opened: Partial<Record<Door, string>> = {};
  for (const address of doorsOf({ ...config, host: '127.0.0.1' })) {
    opened[address.door] = urlOf(await openDoor(fastifyOf(app), address));
  }
  const url = opened.public ?? '';
  const answers = new SeenAnswers(() => describeApi(app, config.publicUrl), config.publicUrl);
  return {
    url,
    doors: opened,
    app,
    config,
    logs,
    answers,
    call: async (method, path, body, headers) => {
      const answer = await call(`${url}${path}`, method, body, headers);
      const contentType = answer.headers.get('content-type');
      answers.add({ method, path: new URL(`${url}${path}`).pathname, contentType, ...answer });
      return answer;
    },
    advanceClock: (seconds) => {
      const clock = app.get(DatabaseClock);
      const now = clock.now.bind(clock);
      clock.now = () => now() + seconds;
    },
    setClockAhead: (seconds) => {
      app.get(Clock).now = () => Date.now() / 1_000 + seconds;
    },
    close: async (delay) => {
      await stopServer(app, delay ?? 0, delay === undefined ? 0 : undefined);
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Keeps connections, as clients do. */
const agent = new Agent({ keepAlive: true });

/** One request. A body that is not a string is sent as JSON. It costs a fraction of what `fetch` does. */
export function call(
  url: string,
  method: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  // As bytes: with a text, Node would send the headers in UTF-8 too.
  const bytes = Buffer.from(body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body));
  const content = { 'content-type': 'application/json', 'content-length': String(bytes.length) };
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, agent, headers: { ...(body !== undefined && content), ...headers } });
    sent.on('error', reject);
    sent.on('response', (response) => {
      answerIn(response).then(resolve, reject);
    });
    sent.end(bytes);
  });
}

/** What has been answered, when all of it is there. */
export async function answerIn(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  response.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(response, 'end');
  const text = Buffer.concat(chunks).toString();
  const headers = new Headers(
    Object.entries(response.headersDistinct).map(([name, values = []]) => [name, values.join(', ')]),
  );
  const isJson = headers.get('content-type')?.startsWith('application/json') ?? false;
  return { status: response.statusCode ?? 0, headers, body: isJson && text !== '' ? JSON.parse(text) : text };
}

/** `Authorization` with a session's token. */
export function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

let accounts = 0;

/** The same email in another case, as it is stored: only what stands before the @ keeps its case. */
export function shouted(email: string): string {
  const [local = '', domain = ''] = email.split('@');
  return `${local.toUpperCase()}@${domain}`;
}

/** @returns an email that no other test of this process uses */
export function newEmail(): string {
  accounts += 1;
  return `user${accounts}.${process.pid}@example.org`;
}

/** Signs up. */
export async function signUp(
  server: TestServer,
  { email = newEmail(), password = 'example', remember = false } = {},
): Promise<{ id: string; email: string; password: string; token: string; refreshToken: string }> {
  const account = { email, password, remember_me: remember };
  const { status, body } = await server.call('POST', '/accounts', { account });
  if (status !== 201) throw new Error(`Signing up was answered ${status}: ${JSON.stringify(body)}`);
  const { token, refresh_token } = body as { token: string; refresh_token: string };
  return { id: claimsOf(token).data.id, email, password, token, refreshToken: refresh_token };
}

/** @returns what a JWT says, unchecked */
export function claimsOf(token: string): {
  data: { id: string; type: string; attributes: { email: string } };
  sub: string;
  sid: string;
  iss: string;
  iat: number;
  exp: number;
  jti: string;
} {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as ReturnType<typeof claimsOf>;
}
