import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import bcrypt from 'bcrypt';
import { HashingThreads } from '../../src/passwords/hashing-threads.js';
import { Revocations } from '../../src/revocations/revocations.service.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { cleanUpReports, importRecords } from '../support/imports.js';
import { basic, newClient, postForm } from '../support/oauth.js';
import { startServer, type TestServer } from '../support/server.js';

const MOST = 5;
const SHORT = 'hunter2';

let database: TestDatabase;
let server: TestServer;
/** On the same database. */
let other: TestServer;

beforeAll(async () => {
  database = await createDatabase();
  const config = { trustProxy: 1, loginMaxFailures: MOST } as const;
  server = await startServer(database.connection, config);
  other = await startServer(database.connection, config);
});

beforeEach(() => database.query('DELETE FROM attempt_limits'));

afterEach(cleanUpReports);

afterAll(async () => {
  for (const one of [other, server]) await one.close();
  await database.drop();
});

let made = 0;
/** An address, and a /48 of its own. */
const newAddress = () => `2001:db8:${(made += 1).toString(16)}:1::1`;

/** How a client asks for a token from somewhere. */
const showing =
  (id: string, address: string) =>
  async (secret: string, at = server, from = address) => {
    const headers = { ...basic(id, secret), 'x-forwarded-for': from };
    const { status, headers: answered } = await postForm(
      at,
      '/oauth/token',
      { grant_type: 'client_credentials' },
      headers,
    );
    return { status, retryAfter: answered.get('retry-after') };
  };

async function newImport(kept: object): Promise<string> {
  const id = `client.${randomUUID()}`;
  await importRecords(server, [{ type: 'client', id, name: id, scopes: ['accounts:read'], ...kept }]);
  return id;
}

const statusesOf = (answers: { status: number }[]) => answers.map(({ status }) => status).sort();
const times = (count: number, status: number) => Array<number>(count).fill(status);

describe.each<[string, (secret: string) => object]>([
  ['a hash', (secret) => ({ secret_hash: bcrypt.hashSync(secret, 4) })],
  ['a short secret', (secret) => ({ secret })],
])('A client of which there is %s', (_, kept) => {
  it('can be guessed only so often at one address, twenty times at once as well, and with the right guess', async () => {
    const show = showing(await newImport(kept(SHORT)), newAddress());
    const guesses = Array.from({ length: 4 * MOST }, (_, index) => show(`wrong ${index}`, index % 2 ? server : other));
    expect(statusesOf(await Promise.all(guesses))).toEqual([...times(MOST, 401), ...times(3 * MOST, 429)]);
    const compare = jest.spyOn(HashingThreads.prototype, 'compare');
    for (const at of [server, other]) expect((await show(SHORT, at)).status).toBe(429);
    expect(compare).not.toHaveBeenCalled();
    compare.mockRestore();
    expect((await show(SHORT, server, newAddress())).status).toBe(200);
  });

  it('does not tell a process that has not heard of the failures which guess is right', async () => {
    const show = showing(await newImport(kept(SHORT)), newAddress());
    for (let index = 0; index < MOST; index += 1) expect((await show(`wrong ${index}`)).status).toBe(401);
    const { status, retryAfter } = await show(SHORT, other);
    expect(status).toBe(429);
    expect(Number(retryAfter)).toBeGreaterThan(800);
    await database.query('DELETE FROM attempt_limits');
    other.advanceClock(901);
    expect((await show(SHORT, other)).status).toBe(200);
  });

  it('is not told by what is remembered of it either, while it is in use elsewhere', async () => {
    const id = await newImport(kept(SHORT));
    const [inUse, show] = [showing(id, newAddress()), showing(id, newAddress())];
    expect((await inUse(SHORT)).status).toBe(200);
    for (let index = 0; index < MOST; index += 1) expect((await show(`wrong ${index}`)).status).toBe(401);
    // The first one finds out that the limit is reached.
    for (const secret of [SHORT, 'wrong', SHORT]) expect((await show(secret)).status).toBe(429);
    expect((await inUse(SHORT)).status).toBe(200);
  });

  it('is not told by what is remembered of it either, where it is in use', async () => {
    const show = showing(await newImport(kept(SHORT)), newAddress());
    expect((await show(SHORT)).status).toBe(200);
    for (let index = 0; index < MOST; index += 1) expect((await show(`wrong ${index}`)).status).toBe(401);
    for (const secret of ['wrong', SHORT, SHORT]) expect((await show(secret)).status).toBe(429);
  });

  it('can be guessed only so often in a /48, from whichever of its addresses', async () => {
    const show = showing(await newImport(kept(SHORT)), newAddress());
    const site = newAddress();
    const from = (index: number) => site.replace(':1::1', `:${index.toString(16)}::1`);
    const guesses = Array.from({ length: 8 * MOST }, (_, index) => show(`wrong ${index}`, server, from(index)));
    expect(statusesOf(await Promise.all(guesses))).toEqual([...times(5 * MOST, 401), ...times(3 * MOST, 429)]);
    expect((await show(SHORT, other, from(999))).status).toBe(429);
    expect((await show(SHORT, other)).status).toBe(200);
  });

  it('is accepted many times at once, also by a replica that hears of no revocations, and counts nothing', async () => {
    const show = showing(await newImport(kept(SHORT)), newAddress());
    const revocations = server.app.get<Revocations, { isConnected?: () => boolean }>(Revocations);
    revocations.isConnected = () => false;
    try {
      const answers = await Promise.all(Array.from({ length: 4 * MOST }, () => show(SHORT)));
      expect(statusesOf(answers)).toEqual(times(4 * MOST, 200));
    } finally {
      delete revocations.isConnected;
    }
    expect(await database.query('SELECT FROM attempt_limits')).toEqual([]);
  });

  it('is not refused for what others at its address have done with other clients', async () => {
    const address = newAddress();
    const show = showing(await newImport(kept(SHORT)), address);
    const others = Array.from({ length: 10 * MOST + 5 }, () => showing(randomUUID(), address)('wrong'));
    expect(statusesOf(await Promise.all(others))).toEqual([...times(10 * MOST, 401), ...times(5, 429)]);
    expect((await show(SHORT)).status).toBe(200);
    // Wrong ones are, and still count.
    for (let index = 0; index < MOST; index += 1) expect((await show(`wrong ${index}`)).status).toBe(429);
    expect((await show(SHORT, other)).status).toBe(429);
  });
});

it('Ids that no client has leave no more rows than the limit of their address allows', async () => {
  const address = newAddress();
  const guesses = Array.from({ length: 12 * MOST }, () => showing(randomUUID(), address)('wrong'));
  expect(statusesOf(await Promise.all(guesses))).toEqual([...times(10 * MOST, 401), ...times(2 * MOST, 429)]);
  expect(await database.query('SELECT FROM attempt_limits')).toHaveLength(10 * MOST + 1);
});

it.each([
  ['of Latchkey', undefined],
  ['in hexadecimal', randomBytes(32).toString('hex')],
  ['with other characters', `${randomBytes(24).toString('base64')}+/=~.`],
])('A long secret %s is accepted whatever was guessed before', async (_, secret) => {
  const client = await newClient(server, secret === undefined ? {} : { secret });
  const show = showing(client.id, newAddress());
  const wrong = Array.from({ length: 2 * MOST }, (_, index) => show(`${index % 2 ? client.secret : ''}${index}`));
  expect(statusesOf(await Promise.all(wrong))).toEqual([...times(MOST, 401), ...times(MOST, 429)]);
  for (const at of [server, other]) expect((await show(client.secret, at)).status).toBe(200);
});
