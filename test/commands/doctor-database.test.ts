import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { examine } from '../../src/commands/doctor.command.js';
import type { Finding } from '../../src/commands/doctor.finding.js';
import { Commands, NEVER } from '../support/commands.js';
import { createDatabase, urlOf, type TestDatabase } from '../support/database.js';
import { startServer, type TestServer } from '../support/server.js';

let database: TestDatabase;
let server: TestServer;
let commands: Commands;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection);
  commands = new Commands(database, server);
});

afterEach(() => {
  process.env.DATABASE_URL = urlOf(database.connection);
  Reflect.deleteProperty(process.env, 'DATABASE_DIRECT_URL');
});

afterAll(async () => {
  commands.close();
  await server.close();
  await database.drop();
});

/** @returns what it finds of the way to the database: state and message, by check */
async function findings(): Promise<Record<string, string[]>> {
  const answer = async () => (await examine(NEVER, { json: true })).text ?? '';
  const { findings: found } = await commands.answer<{ findings: Finding[] }>('doctor', answer);
  const ofDatabase = found.filter(({ check }) =>
    ['database', 'writable', 'isolation', 'privileges', 'pooler', 'keys'].includes(check),
  );
  return Object.fromEntries(ofDatabase.map(({ check, state, message }) => [check, [state, message]]));
}

const withSetting = (setting: string) => `${urlOf(database.connection)}?options=-c%20${setting}`;
const readOnly = () => withSetting('default_transaction_read_only=on');

describe('latchkey doctor', () => {
  it('finds a database that takes changes, directly and through DATABASE_URL', async () => {
    const fine = { database: ['ok', 'It accepts connections.'], writable: ['ok', 'It accepts changes.'] };
    expect(await findings()).toMatchObject(fine);
    process.env.DATABASE_DIRECT_URL = urlOf(database.connection);
    expect(await findings()).toMatchObject(fine);
  });

  it.each([
    ['DATABASE_URL alone', 'DATABASE_URL', undefined],
    ['DATABASE_URL, beside a DATABASE_DIRECT_URL that is not', 'DATABASE_URL', false],
    ['DATABASE_DIRECT_URL, beside a DATABASE_URL that is not', 'DATABASE_DIRECT_URL', true],
  ])('says that it is read-only: %s', async (_, variable, isDirect) => {
    if (isDirect !== true) process.env.DATABASE_URL = readOnly();
    if (isDirect !== undefined) process.env.DATABASE_DIRECT_URL = isDirect ? readOnly() : urlOf(database.connection);
    expect((await findings()).writable).toEqual(['failure', `${variable} leads to a read-only database.`]);
  });

  it('says what else is wrong on the way of DATABASE_URL, where that of DATABASE_DIRECT_URL is fine', async () => {
    await database.query('CREATE ROLE doctor_reader LOGIN');
    try {
      process.env.DATABASE_DIRECT_URL = urlOf(database.connection);
      process.env.DATABASE_URL = withSetting('default_transaction_isolation=serializable');
      expect(await findings()).toMatchObject({
        isolation: ['failure', 'default_transaction_isolation is serializable.'],
        privileges: ['warning', expect.stringContaining('is a superuser')],
      });
      process.env.DATABASE_URL = withSetting('role=doctor_reader');
      expect(await findings()).toMatchObject({
        isolation: ['ok', expect.anything()],
        privileges: ['failure', expect.stringContaining('The role doctor_reader may not use these tables')],
      });
    } finally {
      await database.query('DROP ROLE doctor_reader');
    }
  });

  it('says that what DATABASE_URL leads to cannot be reached, where DATABASE_DIRECT_URL leads to the database', async () => {
    process.env.DATABASE_DIRECT_URL = urlOf(database.connection);
    process.env.DATABASE_URL = 'postgres://nobody@127.0.0.1:1/nothing';
    expect(await findings()).toMatchObject({
      database: ['ok', 'It accepts connections.'],
      pooler: ['failure', expect.stringContaining('ECONNREFUSED')],
    });
  });
});
