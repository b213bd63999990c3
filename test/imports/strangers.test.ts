import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { cleanUpReports, importRecords } from '../support/imports.js';
import { postForm, rawBasic } from '../support/oauth.js';
import { startServer, type TestServer } from '../support/server.js';

/** What strangers have brought, and how it is told. */
let database: TestDatabase;
let server: TestServer;
let folder: string;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection);
  folder = mkdtempSync(join(tmpdir(), 'latchkey-strangers-'));
});

afterAll(async () => {
  cleanUpReports();
  rmSync(folder, { recursive: true });
  await server.close();
  await database.drop();
});

const client = (id: string, secret: unknown) => ({
  type: 'client',
  id,
  name: 'a client',
  scopes: 'accounts:read',
  secret,
});

describe('The secret of an imported client', () => {
  const tokenFor = async (text: string) =>
    (await postForm(server, '/oauth/token', { grant_type: 'client_credentials' }, rawBasic(text))).status;

  it.each([
    ['base64', 'q7Yx+3/Zb0=='],
    ['what is no encoding', '100%sure'],
    ['what looks like an encoding', 'abc%20d'],
    ['a blank and a colon', 'x y:z'],
  ])('is taken as it is and as a form encodes it: %s', async (name, secret) => {
    const id = name.replaceAll(/\W/g, '_');
    expect((await importRecords(server, [client(id, secret)])).refused).toEqual({});
    const encoded = new URLSearchParams({ '': secret }).toString().slice(1);
    for (const sent of [secret, encoded]) expect([sent, await tokenFor(`${id}:${sent}`)]).toEqual([sent, 200]);
    for (const sent of [`${secret}x`, encoded.slice(1), encodeURIComponent(encodeURIComponent(secret)) + '%25']) {
      expect([sent, await tokenFor(`${id}:${sent}`)]).toEqual([sent, 401]);
    }
  });

  it('is no number that JSON has rounded', async () => {
    const text = '{"type":"client","id":"n","name":"n","scopes":"accounts:read","secret":98765432109876543210}';
    expect((await importRecords(server, text)).refused).toEqual({ 1: { secret: 'must be a string' } });
  });
});

it.each(['.', '..'])('A client is not called %s, which browsers leave out of URLs', async (id) => {
  const { refused } = await importRecords(server, [client(id, 'a secret of a client')]);
  expect(refused).toEqual({ 1: { id: expect.stringContaining('must have') } });
});

it('A field with a name that every object has is not known', async () => {
  const text = '{"email":"w@q.example","constructor":"x","__proto__":"admin","toString":1}';
  const { refused } = await importRecords(server, text);
  expect(Object.keys(refused[1] ?? {}).sort()).toEqual(['__proto__', 'constructor', 'toString']);
});

describe('A CSV', () => {
  it('without the names of its columns is refused as a whole, and the message says nothing of what it has', async () => {
    const text = 'fred@bedrockisp.com,mysecrettoken1\nfred@bedrockisp.com,mysecrettoken2\n';
    const run = importRecords(server, text, { format: 'csv', usual: 'app_token' });
    await expect(run).rejects.toThrow('The first line of a CSV has the names of its columns, each of them once.');
  });

  it('with a column that is not known says so without its name, which may be a secret', async () => {
    const { refused } = await importRecords(server, 'email,abcdef\na@q.example,x\n', { format: 'csv' });
    expect(refused).toEqual({ 2: { record: 'has a column that is unknown or does not apply to its type' } });
  });
});

describe('The report', () => {
  const record = [{ email: 'not an email' }];

  it('overwrites nothing but a report', async () => {
    const report = join(folder, 'precious');
    writeFileSync(report, 'of great value');
    await expect(importRecords(server, record, { report })).rejects.toThrow('is there already, and is no report');
    expect(readFileSync(report, 'utf8')).toBe('of great value');
    const old = join(folder, 'old');
    writeFileSync(old, '{"line":1,"errors":{}}\n');
    await importRecords(server, record, { report: old });
    expect(readFileSync(old, 'utf8')).toContain('email');
  });

  it('is a file, and an import that was refused for it goes on with another one', async () => {
    const name = join(folder, 'a.ndjson');
    const refused = importRecords(server, record, { name, report: '/dev/null' });
    await expect(refused).rejects.toThrow('The report must be a file. --report chooses another one.');
    expect((await importRecords(server, record, { name })).counts.refused).toBe(1);
  });
});
