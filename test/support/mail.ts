import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from '@jest/globals';
import { Test } from '@nestjs/testing';
import { DataSource } from 'typeorm';
import { AuditLogModule } from '../../src/audit-log/audit-log.module.js';
import { ConfigModule } from '../../src/config/config.module.js';
import { loadConfig } from '../../src/config/config.js';
import type { PostgresConnection } from '@latchkey/supervised-postgres';
import { withoutPooler } from '../../src/database/connection.js';
import { DatabaseModule } from '../../src/database/database.module.js';
import { createLogger, NestLogger } from '../../src/logging/logger.js';
import { MailModule } from '../../src/mail/mail.module.js';
import { MailQueue, type MailRenderer } from '../../src/mail/mail-queue.service.js';
import { OutgoingMailStore } from '../../src/mail/outgoing-mails.store.js';
import { MetricsModule } from '../../src/metrics/metrics.module.js';
import { createDatabase, type TestDatabase } from './database.js';
import { MailServer } from './mail-server.js';

export const SECRET = 'reset-token-that-nobody-may-see';
export const PASSWORD = 'smtp-password-that-nobody-may-see';
export const LINK = `https://latchkey.example.org/password/reset#token=${SECRET}`;
export const RECIPIENT = 'jane.doe@example.org';
export const content = {
  subject: 'Réinitialisation',
  text: `Open ${LINK}\n`,
  html: `<p>Open <a href="${LINK}">it</a></p>`,
};

export interface Row {
  id: string;
  attempts: number;
  done: boolean;
  last_error: string | null;
  pause: number;
}

const ROW = `SELECT id, attempts, done_at IS NOT NULL AS done, last_error,
  extract(epoch FROM next_attempt_at - now())::float8 AS pause FROM outgoing_mails ORDER BY created_at, id`;

export let database: TestDatabase;
export let dataDir: string;
export let server: MailServer;
export let log: string[];
export const stops: (() => Promise<unknown>)[] = [];

/** Gives each test of a suite a mail server and a folder of its own, and the suite a database. */
export function useMail(): void {
  beforeAll(async () => {
    database = await createDatabase();
  });

  afterAll(async () => {
    await database.drop();
  });

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'latchkey-mail-'));
    server = await new MailServer().start();
    log = [];
  });

  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
    await server.stop();
    await rm(dataDir, { recursive: true });
    const failures = await database.query('DELETE FROM outgoing_mails RETURNING last_error');
    // Whatever happened: neither the log nor the table says anything that it should not.
    expect(log.join('') + JSON.stringify(failures)).not.toMatch(new RegExp(`${SECRET}|${PASSWORD}|${RECIPIENT}`));
  });
}

interface AppOptions {
  url?: string;
  render?: MailRenderer;
  connection?: PostgresConnection;
  from?: string;
  /** The process dies between the server's answer and its note of it. */
  diesBeforeMarking?: boolean;
  /** Its next poll comes after the tests. */
  neverPolls?: boolean;
}

export const defaultRenderer: MailRenderer = () => Promise.resolve(content);

export async function startApp({ url, render = defaultRenderer, from, ...options }: AppOptions = {}) {
  const config = loadConfig({
    DATA_DIR: dataDir,
    MAIL_FROM: from ?? 'Latchkey <no-reply@latchkey.example.org>',
    SMTP_URL: url,
  });
  const module = await Test.createTestingModule({
    imports: [
      ConfigModule.with(config),
      DatabaseModule.with(withoutPooler(options.connection ?? database.connection), { ...config, databasePoolSize: 4 }),
      AuditLogModule,
      MetricsModule,
      MailModule,
    ],
  }).compile();
  module.useLogger(new NestLogger(createLogger('trace', { write: (line) => log.push(line) })));
  if (options.diesBeforeMarking) module.get(OutgoingMailStore).markDone = () => Promise.reject(new Error('killed'));
  const queue = module.get(MailQueue);
  queue.register('reset', render);
  if (options.neverPolls) {
    const sleep = queue.wakeSignal.sleep.bind(queue.wakeSignal);
    queue.wakeSignal.sleep = () => sleep(86_400_000);
  }
  await module.init();
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= module.close());
  stops.push(close);
  const add = async (mail: { recipient?: string; discard?: boolean } = {}) => {
    const { discard, recipient = RECIPIENT } = mail;
    const row = { kind: 'reset', subjectId: randomUUID(), recipient };
    await module.get(DataSource).transaction((tx) => queue.add(tx, row, discard === undefined ? {} : { discard }));
    queue.wake();
  };
  const logged = (text: string) => log.filter((line) => line.includes(text)).length;
  return { module, queue, add, close, logged };
}

export async function rows(): Promise<Row[]> {
  return database.query<Row>(ROW);
}

export async function onlyRow(): Promise<Row> {
  const [row, ...rest] = await rows();
  if (!row || rest.length > 0) throw new Error('There should be one row.');
  return row;
}

/** Waits until a value is as wanted, and gives it back. */
export async function eventually<T>(read: () => T | Promise<T>, wanted: (value: T) => boolean): Promise<T> {
  for (const deadline = Date.now() + 180_000; ;) {
    const value = await read();
    if (wanted(value)) return value;
    if (Date.now() > deadline) throw new Error(`It stayed ${JSON.stringify(value)}\n${log.join('')}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export const isDone = (row: Row) => row.done;
export const hasFailed = (attempts: number) => (row: Row) => row.attempts === attempts && row.last_error !== null;

/** Lets the pause of every mail pass, and forgets what failed, so that the next failure can be awaited. */
export async function letPausesPass(queue?: MailQueue): Promise<void> {
  await database.query('UPDATE outgoing_mails SET next_attempt_at = now(), last_error = NULL');
  queue?.wake();
}

export function messageIds(): (string | undefined)[] {
  return server.mails.map(({ raw }) => /^Message-ID: (.*)\r$/m.exec(raw)?.[1]);
}
