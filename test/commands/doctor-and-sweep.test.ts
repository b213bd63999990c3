import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { examine } from '../../src/commands/doctor.command.js';
import { sweep } from '../../src/commands/sweep.command.js';
import { SWEEP_LOCK } from '../../src/database/locks.js';
import { Commands, NEVER } from '../support/commands.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { signUp, startServer, type TestServer } from '../support/server.js';

let database: TestDatabase;
let server: TestServer;
let commands: Commands;

beforeEach(async () => {
  database = await createDatabase();
  server = await startServer(database.connection);
  commands = new Commands(database, server);
});

afterEach(async () => {
  commands.close();
  await server.close();
  await database.drop();
});

it('sweep deletes what servers would delete', async () => {
  const { id } = await signUp(server);
  await database.query(
    `INSERT INTO sessions (account_id, expires_at, revoked_at) VALUES ($1, now() - interval '30 days', now() - interval '30 days')`,
    [id],
  );
  expect(JSON.parse(await commands.run('sweep', () => sweep(NEVER, { json: true })))).toEqual({
    deleted: 1,
    outcome: 'done',
  });
  expect(await database.query(`SELECT FROM sessions WHERE expires_at < now()`)).toEqual([]);
});

it('sweep says that somebody else is sweeping', async () => {
  const other = await database.hold(`SELECT pg_advisory_xact_lock(${SWEEP_LOCK.join()})`);
  try {
    const text = await commands.run('sweep', () => sweep(NEVER, {}));
    expect(text).toBe('A server, or another command, is sweeping already. It goes on; this one has stopped.\n');
    expect(JSON.parse(await commands.run('sweep', () => sweep(NEVER, { json: true })))).toEqual({
      deleted: 0,
      outcome: 'skipped',
    });
  } finally {
    await other.end();
  }
});

describe('doctor', () => {
  const found = async (check: string, options: object = {}) => {
    const { text = '', code } = await commands.run('doctor', () => examine(NEVER, { json: true, ...options }));
    const { findings } = JSON.parse(text) as { findings: { check: string; state: string }[] };
    const failures = findings.filter(({ state }) => state === 'failure').map((one) => one.check);
    return { code, failures, finding: findings.find((one) => one.check === check) };
  };

  it('doctor finds nothing that fails where nothing does, and changes nothing', async () => {
    const before = await database.query('SELECT count(*) FROM audit_events');
    expect(await found('migrations')).toMatchObject({
      // The databases of tests are made to be fast.
      failures: ['durability'],
      finding: { state: 'ok' },
    });
    expect(await found('hardening: EMAIL_VERIFICATION')).toMatchObject({
      finding: { state: 'warning', advice: 'Set EMAIL_VERIFICATION=required.' },
    });
    expect(await database.query('SELECT count(*) FROM audit_events')).toEqual(before);
  });

  it('doctor says what fails, and what to do about it', async () => {
    await database.query(`DELETE FROM migrations WHERE id = (SELECT max(id) FROM migrations)`);
    expect(await found('migrations')).toMatchObject({
      code: 1,
      finding: { state: 'failure', advice: expect.stringContaining('latchkey migrate') },
    });
  });

  it('doctor notices a SECRET_KEY that is not that of the servers', async () => {
    process.env.SECRET_KEY = randomUUID();
    expect(await found('keys')).toMatchObject({
      code: 1,
      finding: { state: 'failure', advice: expect.stringContaining('SECRET_KEY') },
    });
  });

  it('doctor connects to the mail server, and only sends a mail when it is asked to', async () => {
    process.env.SMTP_URL = 'smtp://127.0.0.1:1';
    process.env.MAIL_FROM = 'no-reply@example.org';
    try {
      expect(await found('mail')).toMatchObject({ code: 1, finding: { state: 'failure' } });
    } finally {
      Reflect.deleteProperty(process.env, 'SMTP_URL');
      Reflect.deleteProperty(process.env, 'MAIL_FROM');
    }
    await expect(examine(NEVER, { sendTestMail: 'nobody' })).rejects.toThrow('requires an email address');
  });
});
