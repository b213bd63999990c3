import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createDatabase, type TestDatabase } from './support/database.js';
import { startServer } from './support/server.js';

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase();
});

afterAll(async () => {
  await database.drop();
});

it.each([
  ['https://auth.example.org', 1],
  ['http://auth.example.org', 0],
])('A start at %s says in so many lines of the log what is left open: %i', async (publicUrl, lines) => {
  const server = await startServer(database.connection, { publicUrl });
  await server.close();
  const said = server.logs.filter((line) => line.includes('not hardened'));
  expect(said).toHaveLength(lines);
  for (const line of said) expect(line).toContain('EMAIL_VERIFICATION=required');
});
