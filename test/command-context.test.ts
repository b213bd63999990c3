import type { INestApplicationContext } from '@nestjs/common';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { createContext } from '../src/commands/command-context.js';
import { MailModule } from '../src/mail/mail.module.js';
import { OutgoingMailStore } from '../src/mail/outgoing-mails.store.js';
import { createLogger } from '../src/logging/logger.js';
import { withoutPooler } from '../src/database/connection.js';
import { Sweeper } from '../src/database/sweeper.service.js';
import { KeyRotation } from '../src/keys/key-rotation.service.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { startServer, testConfig } from './support/server.js';

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase();
});

afterAll(async () => {
  jest.restoreAllMocks();
  await database.drop();
});

/** What a process begins by itself while it starts. */
async function begunBy(start: () => Promise<INestApplicationContext>) {
  const claim = jest.spyOn(OutgoingMailStore.prototype, 'claim');
  const context = await start();
  const begun = {
    mails: claim.mock.calls.length,
    // A timer is private, as there is nothing else to be seen of it for a minute.
    timers: [Sweeper, KeyRotation].filter(
      (service) =>
        Reflect.get(Reflect.get(context.get<object>(service), 'inBackground') as object, 'timer') !== undefined,
    ),
  };
  await context.close();
  const noted = await database.query('DELETE FROM secret_keys RETURNING id');
  return { mails: begun.mails, timers: begun.timers.length, noted: noted.length };
}

it('A command sweeps nothing, sends no mail, replaces no key and is no server with a SECRET_KEY: its settings may be others', async () => {
  const config = testConfig();
  const logger = createLogger('silent');
  const access = withoutPooler(database.connection);
  expect(await begunBy(() => createContext({ config, access, logger }, [MailModule]))).toEqual({
    mails: 0,
    timers: 0,
    noted: 0,
  });
  expect(await begunBy(async () => (await startServer(database.connection)).app)).toEqual({
    mails: 1,
    timers: 2,
    noted: 1,
  });
});
