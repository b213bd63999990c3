import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import bcrypt from 'bcrypt';
import { Bootstrap } from '../../src/bootstrap/bootstrap.service.js';
import { SecretKeys } from '../../src/keys/secret-keys.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { bearer, newEmail, signUp, startServer, type TestServer } from '../support/server.js';
import { signedInAdmin, type User } from '../support/tokens.js';

/** As Windows and Linux type it, and as macOS names files. */
const COMPOSED = 'caf\u00e9 au lait';
const DECOMPOSED = 'cafe\u0301 au lait';
/** As macOS types a space beside an accent. */
const NO_BREAK = 'caf\u00e9\u00a0au lait';

let database: TestDatabase;
let server: TestServer;
let admin: User;
const others: TestServer[] = [];

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection, { loginMaxFailures: 1_000_000 });
  admin = await signedInAdmin(server);
});

afterEach(async () => {
  for (const other of others.splice(0)) await other.close();
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

async function signIn(email: string, password: string, at = server): Promise<number> {
  return (await at.call('POST', '/account/session', { account: { email, password } })).status;
}

async function logIn(email: string, password: string, at = server): Promise<number> {
  const headers = { 'app-token': admin.appToken };
  return (await at.call('POST', '/api/v1/token/', { username: email, password }, headers)).status;
}

async function hashOf(email: string): Promise<string> {
  const [row] = await database.query<{ hash: string }>('SELECT password_hash AS hash FROM accounts WHERE email = $1', [
    email,
  ]);
  return row?.hash ?? '';
}

/** An account as an earlier release, or anything else, has left it. */
async function accountWith(hash: string): Promise<string> {
  const email = newEmail();
  await database.query('INSERT INTO accounts (email, password_hash) VALUES ($1, $2)', [email, hash]);
  return email;
}

const resetToken = async (email: string) => {
  await server.call('POST', '/account/password', { account: { email } });
  const [reset] = await database.query<{ id: string }>(
    `SELECT r.id FROM password_resets r JOIN accounts a ON a.id = r.account_id
     WHERE a.email = $1 AND r.ended_at IS NULL`,
    [email],
  );
  return server.app.get(SecretKeys).sign('password-reset', reset?.id ?? '');
};

/** Every way in which an account gets a password. @returns its email */
const WAYS: Record<string, (password: string) => Promise<string>> = {
  'a sign-up': async (password) => (await signUp(server, { password })).email,
  'a change': async (password) => {
    const { id, email, token } = await signUp(server);
    const { status } = await server.call('PUT', `/accounts/${id}`, { account: { email, password } }, bearer(token));
    expect(status).toBe(200);
    return email;
  },
  'a reset': async (password) => {
    const { email } = await signUp(server);
    const account = { password, reset_password_token: await resetToken(email) };
    expect((await server.call('PUT', '/account/password', { account })).status).toBe(200);
    return email;
  },
  'an invitation': async (password) => {
    const email = newEmail();
    expect((await server.call('POST', '/api/v1/accounts/', { email }, admin.headers)).status).toBe(201);
    const account = { password, reset_password_token: await resetToken(email) };
    expect((await server.call('PUT', '/account/password', { account })).status).toBe(200);
    return email;
  },
  'an admin': async (password) => {
    const email = newEmail();
    expect((await server.call('POST', '/api/v1/accounts/', { email, password }, admin.headers)).status).toBe(201);
    return email;
  },
};

describe('A password with an accent', () => {
  for (const [way, give] of Object.entries(WAYS)) {
    it.each([COMPOSED, DECOMPOSED, NO_BREAK])(
      `is the same on every keyboard, whoever typed it first: ${way}, %j`,
      async (password) => {
        const email = await give(password);
        for (const typed of [COMPOSED, DECOMPOSED, NO_BREAK]) {
          expect([typed, await signIn(email, typed), await logIn(email, typed)]).toEqual([typed, 200, 200]);
        }
        expect([await signIn(email, 'cafe au lait'), await logIn(email, 'cafe au lait')]).toEqual([401, 401]);
        expect(bcrypt.compareSync(COMPOSED, await hashOf(email))).toBe(true);
      },
    );
  }

  it('is the same as BOOTSTRAP_ADMIN_PASSWORD', async () => {
    const empty = await createDatabase();
    try {
      const adminEmail = newEmail();
      const unset = { appToken: undefined, clientId: undefined, clientSecret: undefined };
      const bootstrap = { adminEmail, adminPassword: DECOMPOSED, ...unset };
      const other = await startServer(empty.connection, { bootstrap });
      others.push(other);
      await other.app.get(Bootstrap).fromVariables();
      expect([await signIn(adminEmail, COMPOSED, other), await signIn(adminEmail, DECOMPOSED, other)]).toEqual([
        200, 200,
      ]);
      await others.pop()?.close();
    } finally {
      await empty.drop();
    }
  });
});

describe('A new password', () => {
  const SCRIPTS = {
    Latin: 'a',
    'Latin, decomposed': 'e\u0301',
    Vietnamese: 'e\u0302\u0323',
    Greek: '\u03b1\u0313\u0301\u0345',
    Cyrillic: 'ж',
    Arabic: 'ش',
    Devanagari: 'क',
    Thai: 'ก',
    Han: '密',
    'Hangul, decomposed': '\u1112\u1161\u11ab',
    Gothic: '𐌰',
    emoji: '🔑',
  };

  it.each(Object.entries(SCRIPTS))('has up to 256 characters, none of them cut: %s', async (_, letter) => {
    const longest = letter.repeat(255);
    const { email } = await signUp(server, { password: `${longest}x` });
    expect(await signIn(email, `${longest}x`)).toBe(200);
    expect(await signIn(email, `${longest}y`)).toBe(401);
    expect(await signIn(email, longest)).toBe(401);
    const account = { email: newEmail(), password: letter.repeat(257) };
    const refused = await server.call('POST', '/accounts', { account });
    expect([refused.status, refused.body.errors]).toEqual([422, { password: ['must be at most 256 characters'] }]);
  });

  it.each(['e\u0301'.repeat(6), 'x'.repeat(50_000)])(
    'is counted in characters as they are stored: %#',
    async (password) => {
      const answer = await server.call('POST', '/accounts', { account: { email: newEmail(), password } });
      expect(answer.status).toBe(422);
      expect(Object.keys(answer.body.errors as object)).toEqual(['password']);
    },
  );

  it.each(['tab\tbetween', 'line\nbreak', 'delete\u007fthis', 'c1\u0085control'])(
    'has no control characters: %j',
    async (password) => {
      const answer = await server.call('POST', '/accounts', { account: { email: newEmail(), password } });
      const errors = { password: ['must not contain control characters, such as tabs and line breaks'] };
      expect([answer.status, answer.body.errors]).toEqual([422, errors]);
    },
  );

  it.each(['family 👩‍👩‍👧', 'heart ❤️', 'نیم‌فاصله', 'ligature ﬁ'])(
    'may have joiners and variation selectors: %j',
    async (password) => {
      const { email } = await signUp(server, { password });
      expect(await signIn(email, password)).toBe(200);
    },
  );

  it('of up to 72 bytes is stored as bcrypt does, which the previous release reads', async () => {
    for (const password of ['x'.repeat(72), 'é'.repeat(36), COMPOSED]) {
      const hash = await hashOf((await signUp(server, { password })).email);
      expect(hash).toMatch(/^\$2b\$04\$lk8265[./A-Za-z0-9]{47}$/);
      expect([bcrypt.getRounds(hash), bcrypt.compareSync(password, hash)]).toEqual([4, true]);
    }
  });

  it('of more is stored as what the previous release takes for a wrong one, and no digest opens it', async () => {
    const password = 'x'.repeat(73);
    const { email } = await signUp(server, { password });
    const hash = await hashOf(email);
    expect(hash).toMatch(/^\$2b\$04\$lk8265[./A-Za-z0-9]{47}\$sha384$/);
    const digest = createHash('sha384').update(password).digest('base64');
    expect(bcrypt.compareSync(digest, hash.slice(0, 60))).toBe(true);
    expect([bcrypt.getRounds(hash), bcrypt.compareSync(digest, hash)]).toEqual([4, false]);
    expect([await signIn(email, digest), await signIn(email, password)]).toEqual([401, 200]);
  });

  it('never has the salt of another', async () => {
    const hashes = await Promise.all(Array.from({ length: 20 }, async () => hashOf((await signUp(server)).email)));
    expect(new Set(hashes.map((hash) => hash.slice(0, 29))).size).toBe(20);
  });
});

describe('A hash of the previous release', () => {
  const MARKED = /^\$2b\$04\$lk8265/;

  it.each([
    ['ASCII', 'example', ['example']],
    ['composed', COMPOSED, [COMPOSED, DECOMPOSED, NO_BREAK]],
    ['decomposed', DECOMPOSED, [COMPOSED, DECOMPOSED]],
    ['a no-break space', NO_BREAK, [NO_BREAK]],
    ['a control character', 'tab\tbetween', ['tab\tbetween']],
    ['72 bytes that are more in NFC', '\u0958'.repeat(24), ['\u0958'.repeat(24)]],
  ])('is good for what was typed, and is renewed: %s', async (_, stored, typings) => {
    for (const scheme of ['$2a$', '$2b$']) {
      for (const typed of typings) {
        const hash = scheme + bcrypt.hashSync(stored, 4).slice(4);
        const email = await accountWith(hash);
        expect(await signIn(email, `${typed}!`)).toBe(401);
        expect(await hashOf(email)).toBe(hash);
        expect([typed, await signIn(email, typed)]).toEqual([typed, 200]);
        expect(await hashOf(email)).toMatch(MARKED);
        for (const again of typings) expect([again, await signIn(email, again)]).toEqual([again, 200]);
      }
    }
  });

  it('is renewed although new passwords must be longer by now, or are refused', async () => {
    const strict = await startServer(database.connection, { passwordMinLength: 15, bcryptCost: 5 });
    others.push(strict);
    const email = await accountWith(bcrypt.hashSync('a\tb', 4));
    expect(await signIn(email, 'a\tb', strict)).toBe(200);
    expect(await hashOf(email)).toMatch(/^\$2b\$05\$lk8265/);
    expect(await signIn(email, 'a\tb', strict)).toBe(200);
  });
});

describe('A hash of this release', () => {
  it('is compared with no other spelling than its own', async () => {
    const salt = `$2b$04$lk8265${'a'.repeat(15)}.`;
    expect(await signIn(await accountWith(bcrypt.hashSync(COMPOSED, salt)), DECOMPOSED)).toBe(200);
    expect(await signIn(await accountWith(bcrypt.hashSync(DECOMPOSED, salt)), DECOMPOSED)).toBe(401);
  });
});

describe('A hash that nothing can match', () => {
  const GOOD = bcrypt.hashSync('example', 4);
  let here: TestServer;

  // Nest's log is the newest server's.
  beforeAll(async () => {
    here = await startServer(database.connection);
  });

  afterAll(async () => {
    await here.close();
  });

  it.each([
    'garbage',
    '',
    GOOD.slice(0, -1),
    `${GOOD}x`,
    `${GOOD}$sha512`,
    `$2y${GOOD.slice(3)}`,
    `$2b$03$${GOOD.slice(7)}`,
    `$2b$31$${GOOD.slice(7)}`,
    `$2b$99$${GOOD.slice(7)}`,
    `$2b$04$${'!'.repeat(53)}`,
    '$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$aGFzaA',
  ])('is a refused sign-in, and a warning that names the account: %j', async (hash) => {
    const email = await accountWith(hash);
    const [{ id } = { id: '' }] = await database.query<{ id: string }>('SELECT id FROM accounts WHERE email = $1', [
      email,
    ]);
    const before = here.logs.length;
    expect([await signIn(email, 'example', here), await logIn(email, 'example', here)]).toEqual([401, 401]);
    const lines = here.logs.slice(before).filter((line) => line.includes(id));
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ level: 'warn' });
    if (hash !== '') expect(here.logs.slice(before).join('')).not.toContain(hash);
    expect(await hashOf(email)).toBe(hash);
  });
});
