import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { bootstrapDatabase } from '../../src/commands/bootstrap.command.js';
import { exportTo } from '../../src/commands/export.command.js';
import { importFile } from '../../src/commands/import.command.js';
import { migrateDatabase } from '../../src/commands/migrate.command.js';
import { checkSecret } from '../../src/commands/secret.command.js';
import { migrationNames } from '../../src/database/migrate.js';
import { Commands, NEVER } from '../support/commands.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { newEmail, startServer, type TestServer } from '../support/server.js';

let database: TestDatabase;
let server: TestServer;
let commands: Commands;

const JSON_WANTED = { json: true };

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection);
  commands = new Commands(database, server);
});

afterAll(async () => {
  commands.close();
  await server.close();
  await database.drop();
});

it('`migrate --json` says how many migrations there are', async () => {
  const told = await commands.answer('migrate', () => migrateDatabase(NEVER, JSON_WANTED));
  expect(told).toEqual({ migrations: migrationNames.length });
});

it('`bootstrap --json` has the first credentials, which sign in, and says when there were some', async () => {
  const told = await commands.answer<Record<string, string>>('bootstrap', () => bootstrapDatabase(NEVER, JSON_WANTED));
  expect(told).toMatchObject({ created: true, client_id: expect.any(String), client_secret: expect.any(String) });
  const { admin_email: username = '', admin_password: password = '', app_token = '' } = told;
  const signedIn = await server.call('POST', '/api/v1/token/', { username, password }, { 'app-token': app_token });
  expect(signedIn.status).toBe(200);
  const again = await commands.answer('bootstrap', () => bootstrapDatabase(NEVER, JSON_WANTED));
  expect(again).toEqual({ created: false });
});

it('`import --json` counts the records, and names the file with those that were refused', async () => {
  const file = commands.file(`{"email":"${newEmail()}"}\n{"email":"nobody"}\n`);
  const { text, anyRefused } = await commands.run('import', () => importFile(NEVER, file, JSON_WANTED));
  expect(anyRefused).toBe(true);
  expect(JSON.parse(text)).toEqual({
    ...{ records: 2, made: 1, changed: 0, unchanged: 0, refused: 1, dry_run: false },
    report: `${file}.refused.ndjson`,
  });
});

it('`export --json` says on standard error how much it was', async () => {
  const written: string[] = [];
  const write = jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  try {
    const output = `${commands.folder}/everything.ndjson`;
    await commands.run('export', () => exportTo(NEVER, { all: true, output, ...JSON_WANTED }));
  } finally {
    write.mockRestore();
  }
  expect(JSON.parse(written.at(-1) ?? '')).toMatchObject({ accounts: expect.any(Number) });
});

it('`secret rotate --json` has the steps', async () => {
  const { text } = await checkSecret(NEVER, JSON_WANTED);
  expect(JSON.parse(text)).toEqual({ steps: [expect.any(String), expect.any(String), expect.any(String)] });
});
