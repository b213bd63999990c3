import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import bcrypt from 'bcrypt';
import { createDatabase, urlOf, type TestDatabase } from './support/database.js';
import { OldService, printed } from './support/old-service.js';
import { cleanUp, newFolder, ServerProcess } from './support/process.js';
import { bearer, TEST_SECRET_KEY } from './support/server.js';

const ADMIN = { email: 'root@example.org', password: 'the password of root', appToken: '0123456789abcdef'.repeat(2) };

let database: TestDatabase;
let latchkey: ServerProcess;
/** What the commands of the pages find in the environment. */
let env: Record<string, string>;

beforeAll(async () => {
  database = await createDatabase();
  const settings = {
    DATABASE_URL: urlOf(database.connection),
    SECRET_KEY: TEST_SECRET_KEY,
    DATA_DIR: newFolder(),
    BCRYPT_COST: '9',
  };
  latchkey = await ServerProcess.start({
    ...settings,
    RATE_LIMIT_PER_MINUTE: '0',
    BOOTSTRAP_ADMIN_EMAIL: ADMIN.email,
    BOOTSTRAP_ADMIN_PASSWORD: ADMIN.password,
    BOOTSTRAP_APP_TOKEN: ADMIN.appToken,
  });
  await latchkey.ready();
  const form = `username=${ADMIN.email}&password=${encodeURIComponent(ADMIN.password)}`;
  const { body } = await latchkey.call('POST', '/api/v1/token/', form, {
    'content-type': 'application/x-www-form-urlencoded',
    'app-token': ADMIN.appToken,
  });
  const { token } = body as { token: string };
  env = { ...settings, LATCHKEY: latchkey.url, APP_TOKEN: ADMIN.appToken, TOKEN: token };
});

afterAll(async () => {
  await cleanUp();
  await database.drop();
});

/** What is lost by the way back: what the page's SQL lists. */
const lost = () => database.query<{ kind: string; subject: string; email: string }>(printed('README', 'lost.sql'));

describe('The account service', () => {
  let old: OldService;
  const ids = { fred: randomUUID(), mary: randomUUID(), gone: randomUUID(), heir: randomUUID() };
  const [ill, well] = [randomUUID(), randomUUID()];

  const hashed = (password: string) => bcrypt.hashSync(password, 5).replace('$2b$', '$2a$');
  const insert = (id: string, email: string, password_hash: string, disabled = false) =>
    old.query(
      `INSERT INTO accounts (id, email, encrypted_password, confirmed_at, disabled_at, created_at)
       VALUES ($1, $2, $3, now(), CASE WHEN $4 THEN now() END, '2015-01-01 12:00:00')`,
      [id, email, password_hash, disabled],
    );
  async function signIn(email: string, password: string) {
    const { status, body } = await latchkey.call('POST', '/account/session', { account: { email, password } });
    return { status, token: (body as { token: string }).token };
  }

  beforeAll(async () => {
    old = await OldService.start('account', env);
    await insert(ids.fred, 'fred@example.org', hashed('what fred chose'));
    await insert(ids.mary, 'mary@example.org', hashed('what mary chose'));
    await insert(ids.gone, 'shared@example.org', hashed('what the first one chose'));
    await insert(ill, 'ill@example.org', hashed('what ill chose'));
    await insert(well, 'well@example.org', hashed('what well chose'), true);
    await insert(randomUUID(), 'md5@example.org', '5f4dcc3b5aa765d61d8327deb882cf99');
    await insert(randomUUID(), 'nobody', hashed('what nobody chose'));
  });

  afterAll(() => old.drop());

  it('is copied while it serves: passwords and ids are good here, and what cannot be is refused with its reason', async () => {
    expect(await old.imports('first copy')).toEqual({ records: 7, made: 5, changed: 0, unchanged: 0, refused: 2 });
    expect(old.whyRefused('first.ndjson', 'email')).toEqual({
      'md5@example.org': { password_hash: expect.stringContaining('is not a hash of a kind that is known') },
      nobody: { email: expect.any(String), password_hash: 'requires an email' },
    });
    const { status, token } = await signIn('fred@example.org', 'what fred chose');
    expect(status).toBe(200);
    expect(await latchkey.call('GET', `/accounts/${ids.fred}`, undefined, bearer(token))).toMatchObject({
      status: 200,
      body: { data: { id: ids.fred, email: 'fred@example.org' } },
    });
    expect((await signIn('fred@example.org', 'what mary chose')).status).toBe(401);
    expect((await signIn('well@example.org', 'what well chose')).status).not.toBe(200);
    const [row] = await database.query('SELECT created_at, email_verified_at FROM accounts WHERE id = $1', [ids.fred]);
    expect(row).toEqual({ created_at: new Date('2015-01-01T12:00:00Z'), email_verified_at: expect.any(Date) });
  });

  it('brings the difference at the cut-over; who was deleted there is deleted here', async () => {
    await old.query(`UPDATE accounts SET email = 'maria@example.org', encrypted_password = $2 WHERE id = $1`, [
      ids.mary,
      hashed('what maria chose'),
    ]);
    await old.query('UPDATE accounts SET disabled_at = CASE WHEN id = $1 THEN now() END WHERE id IN ($1, $2)', [
      ill,
      well,
    ]);
    await old.query('DELETE FROM accounts WHERE id = $1', [ids.gone]);
    await insert(ids.heir, 'shared@example.org', hashed('what the second one chose'));
    await insert(randomUUID(), 'late@example.org', hashed('what late chose'));

    expect(await old.run('export again')).toBe('1 of 7 records are gone.\n');
    await expect(insert(randomUUID(), 'x@example.org', '')).rejects.toThrow('read-only transaction');
    expect((await signIn('shared@example.org', 'what the first one chose')).status).toBe(200);
    expect(await old.imports('end what is gone')).toEqual({
      records: 1,
      made: 0,
      changed: 1,
      unchanged: 0,
      refused: 0,
    });
    expect((await signIn('shared@example.org', 'what the first one chose')).status).not.toBe(200);
    expect(await old.run('delete who was deleted')).toBe('');
    expect(await database.query('SELECT id FROM accounts WHERE id = $1', [ids.gone])).toEqual([]);
    expect(await old.imports('import the difference')).toEqual({
      records: 8,
      made: 2,
      changed: 3,
      unchanged: 1,
      refused: 2,
    });
    for (const [email, password] of [
      ['fred@example.org', 'what fred chose'],
      ['maria@example.org', 'what maria chose'],
      ['shared@example.org', 'what the second one chose'],
      ['well@example.org', 'what well chose'],
      ['late@example.org', 'what late chose'],
    ] as const) {
      expect([email, (await signIn(email, password)).status]).toEqual([email, 200]);
    }
    for (const [email, password] of [
      ['mary@example.org', 'what mary chose'],
      ['maria@example.org', 'what mary chose'],
      ['shared@example.org', 'what the first one chose'],
      ['ill@example.org', 'what ill chose'],
    ] as const) {
      expect([email, (await signIn(email, password)).status]).not.toEqual([email, 200]);
    }
  });

  it('serves again after the way back, and what that loses is listed', async () => {
    expect(await lost()).toEqual([]);
    const { token } = await signIn('fred@example.org', 'what fred chose');
    const account = { email: 'fred@example.org', password: 'what fred chose later' };
    expect((await latchkey.call('PUT', `/accounts/${ids.fred}`, { account }, bearer(token))).status).toBe(200);
    const fresh = { email: 'fresh@example.org', password: 'what fresh chose' };
    expect((await latchkey.call('POST', '/accounts', { account: fresh })).status).toBe(201);
    expect(await lost()).toMatchObject([
      { kind: 'account.credentials_changed', subject: ids.fred, email: account.email },
      { kind: 'account.created', email: fresh.email },
    ]);
    await old.runFile('read-write.sql');
    await insert(randomUUID(), 'x@example.org', '');
  });
});
