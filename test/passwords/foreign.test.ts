import { pbkdf2Sync, scryptSync } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import argon2 from 'argon2';
import bcrypt from 'bcrypt';
import { HashingThreads } from '../../src/passwords/hashing-threads.js';
import { readImportedHash } from '../../src/passwords/password-hashes.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { newEmail, startServer, type TestServer } from '../support/server.js';

const PASSWORD = 'correct horse';
const base64 = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '');
const SALT = Buffer.from('a salt of 16 by.');

const pbkdf2 = (password: string, form = 'i=') =>
  `$pbkdf2-sha256$${form}1000$${base64(SALT)}$${base64(pbkdf2Sync(password, SALT, 1_000, 32, 'sha256'))}`;
const scrypt = (password: string) =>
  `$scrypt$ln=8,r=8,p=1$${base64(SALT)}$${base64(scryptSync(password, SALT, 32, { N: 256, r: 8, p: 1 }))}`;
const argon2id = (password: string) => argon2.hash(password, { memoryCost: 1_024, timeCost: 2, parallelism: 1 });

let database: TestDatabase;
let server: TestServer;
let kinds: Record<string, (password: string) => string | Promise<string>>;
const compare = jest.spyOn(HashingThreads.prototype, 'compare');

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection, { bcryptCost: 4, loginMaxFailures: 1_000_000 });
  const as = (minor: string) => (password: string) =>
    bcrypt.hashSync(Buffer.from(password).subarray(0, 72), 4).replace('$2b$', `$2${minor}$`);
  kinds = {
    'bcrypt $2a$': as('a'),
    'bcrypt $2b$': as('b'),
    'bcrypt $2y$': as('y'),
    PBKDF2: pbkdf2,
    "PBKDF2 in passlib's spelling": (password) => pbkdf2(password, '').replaceAll('+', '.'),
    'PBKDF2 with SHA-512': (password) =>
      `$pbkdf2-sha512$i=1000,l=64$${base64(SALT)}$${base64(pbkdf2Sync(password, SALT, 1_000, 64, 'sha512'))}`,
    scrypt,
    argon2id,
  };
});

beforeEach(async () => {
  await database.query('DELETE FROM accounts');
});

afterAll(async () => {
  compare.mockRestore();
  await server.close();
  await database.drop();
});

async function accountWith(hash: string, email = newEmail()): Promise<string> {
  const read = readImportedHash(hash, 4);
  if ('problem' in read) throw new Error(read.problem);
  await database.query('INSERT INTO accounts (email, password_hash) VALUES ($1, $2)', [email, read.value]);
  return email;
}

const signIn = async (email: string, password: string) =>
  (await server.call('POST', '/account/session', { account: { email, password } })).status;

async function stored(email: string): Promise<string> {
  const rows = await database.query<{ hash: string }>('SELECT password_hash AS hash FROM accounts WHERE email = $1', [
    email,
  ]);
  return rows[0]?.hash ?? '';
}

const NAMES = [
  'bcrypt $2a$',
  'bcrypt $2b$',
  'bcrypt $2y$',
  'PBKDF2',
  "PBKDF2 in passlib's spelling",
  'PBKDF2 with SHA-512',
];

describe.each([...NAMES, 'scrypt', 'argon2id'])('A hash of another service: %s', (name) => {
  const hash = async (password: string) => (await kinds[name]?.(password)) ?? '';

  it('lets its password in and no other, and becomes one of ours', async () => {
    const email = await accountWith(await hash(PASSWORD));
    const before = await stored(email);
    expect([await signIn(email, `${PASSWORD}!`), await stored(email)]).toEqual([401, before]);
    expect(await signIn(email, PASSWORD)).toBe(200);
    expect(await stored(email)).toMatch(/^\$2b\$04\$lk8265[./\w]{47}$/);
    expect([await signIn(email, PASSWORD), await signIn(email, 'another')]).toEqual([200, 401]);
  });

  it('is of what was typed, in whatever spelling', async () => {
    const email = await accountWith(await hash('cafe\u0301\u00a0au lait'));
    expect(await signIn(email, 'cafe\u0301\u00a0au lait')).toBe(200);
    expect(await signIn(email, 'caf\u00e9 au lait')).toBe(200);
  });
});

it('An imported bcrypt hash is of the first 72 bytes, as its old service compared it; the one that replaces it is of all', async () => {
  const long = 'é'.repeat(40);
  const email = await accountWith(kinds['bcrypt $2y$']?.(long) as string);
  expect(await signIn(email, 'é'.repeat(35))).toBe(401);
  expect(await signIn(email, `${long} and more`)).toBe(200);
  expect(await stored(email)).toMatch(/\$sha384$/);
  expect([await signIn(email, long), await signIn(email, `${long} and more`)]).toEqual([401, 200]);
});

it('A bcrypt hash of ours is not cut, although an imported one is', async () => {
  const email = newEmail();
  const hash = bcrypt.hashSync('x'.repeat(72), 4);
  await database.query('INSERT INTO accounts (email, password_hash) VALUES ($1, $2)', [email, hash]);
  expect([await signIn(email, 'x'.repeat(73)), await signIn(email, 'x'.repeat(72))]).toEqual([401, 200]);
});

it('An unknown email is compared with each kind as often as accounts have it, and always with the same', async () => {
  const hashes = [kinds['bcrypt $2a$']?.('x'), pbkdf2('x'), scrypt('x'), await argon2id('x')] as string[];
  for (const hash of hashes) for (let n = 0; n < 5; n += 1) await accountWith(hash);
  const other = await startServer(database.connection, { bcryptCost: 4, loginMaxFailures: 1_000_000 });
  const drawn = async (email: string, password: string) => {
    compare.mockClear();
    const answer = await other.call('POST', '/account/session', { account: { email, password } });
    expect(answer.status).toBe(401);
    return compare.mock.calls.map(([, { scheme }]) => scheme);
  };
  const schemes = new Map<string, number>();
  for (let n = 0; n < 60; n += 1) {
    const [scheme = '', ...rest] = await drawn(`nobody${n}@example.org`, 'wrong password');
    expect([rest, await drawn(`nobody${n}@example.org`, 'wrong password')]).toEqual([[], [scheme]]);
    schemes.set(scheme, (schemes.get(scheme) ?? 0) + 1);
  }
  await other.close();
  expect([...schemes.keys()].sort()).toEqual(['argon2id', 'bcrypt', 'pbkdf2', 'scrypt']);
  // A quarter of 60, give or take far more than three standard deviations; the emails are always the same.
  expect(Math.min(...schemes.values())).toBeGreaterThan(4);
});

it.each(['a\u00a0b', 'cafe\u0301 au lait', 'é'.repeat(60), 'wrong password'])(
  'As many comparisons are made for a password, whatever the hash is: %s',
  async (password) => {
    const emails = [newEmail()];
    for (const kind of Object.values(kinds)) emails.push(await accountWith(await kind('x')));
    const counts = new Set<number>();
    for (const email of emails) {
      compare.mockClear();
      expect(await signIn(email, password)).toBe(401);
      counts.add(compare.mock.calls.length);
    }
    expect(counts.size).toBe(1);
  },
);

describe('What is no hash that could be checked', () => {
  const ofArgon2 = (parameters: string) => `$argon2id$v=19$${parameters}$${base64(SALT)}$${base64(Buffer.alloc(32))}`;

  it.each([
    ['bcrypt', `$2b$13$${'a'.repeat(53)}`],
    ['PBKDF2', pbkdf2('x').replace('i=1000', 'i=10000000')],
    ['scrypt', scrypt('x').replace('ln=8', 'ln=17')],
    ['argon2id', ofArgon2('m=65536,t=30,p=1')],
  ])('costs more than four times ours: %s', (_, hash) => {
    expect(readImportedHash(hash, 10)).toEqual({ problem: expect.stringContaining('times as long to check as ours') });
  });

  it('takes more memory than a hash may', () => {
    expect(readImportedHash(ofArgon2('m=262144,t=1,p=1'), 20)).toEqual({ problem: 'takes more than 128 MiB to check' });
  });

  it.each([
    ['nothing', ''],
    ['a password', 'correct horse'],
    ['MD5', '$1$abcdefgh$abcdefghijklmnopqrstuv'],
    ['the bcrypt of a bug', `$2x$04$${'a'.repeat(53)}`],
    ['argon2i', ofArgon2('m=1024,t=2,p=1').replace('argon2id', 'argon2i')],
    ['a parameter twice', ofArgon2('m=1024,m=1024,p=1')],
    ['a short hash', pbkdf2('x').slice(0, -32)],
    ['a short salt', `$scrypt$ln=4,r=8,p=1$YWJj$${base64(Buffer.alloc(32))}`],
    ['a scrypt of more rounds than its block size allows', scrypt('x').replace('ln=8,r=8', 'ln=16,r=1')],
    ['no iterations', pbkdf2('x').replace('1000', '0')],
    ['a length that is another', pbkdf2('x').replace('i=1000', 'i=1000,l=20')],
    ['something behind it', `${pbkdf2('x')}$`],
    ['a line break', `${pbkdf2('x')}\n`],
    ['a megabyte', '$argon2id$'.padEnd(1_000_000, 'x')],
  ])('is of no kind that is known: %s', (_, hash) => {
    const read = readImportedHash(hash, 10);
    expect(read).toEqual({ problem: expect.stringContaining('is not a hash of a kind that is known') });
  });

  it('is read although a library left bits of the salt set that count for nothing', async () => {
    const ours = bcrypt.hashSync(PASSWORD, 4);
    const last = { '.': '/', O: 'P', e: 'f', u: 'v' }[ours.charAt(28)] ?? '';
    const email = await accountWith(`${ours.slice(0, 28)}${last}${ours.slice(29)}`);
    expect(await signIn(email, PASSWORD)).toBe(200);
  });
});
