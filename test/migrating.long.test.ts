import { createHmac, pbkdf2Sync, randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import bcrypt from 'bcrypt';
import { createDatabase, urlOf, type TestDatabase } from './support/database.js';
import { HAS_PSQL, OldService, printed, PSQL_JS } from './support/old-service.js';
import { basic } from './support/oauth.js';
import { cleanUp, newFolder, ServerProcess } from './support/process.js';
import { bearer, TEST_SECRET_KEY } from './support/server.js';
import { tokenHeaders } from './support/tokens.js';
import { itWhere } from './support/where.js';

const ADMIN = { email: 'root@example.org', password: 'the password of root', appToken: '0123456789abcdef'.repeat(2) };

/** As publicauth has them. */
const SALT = '$2a$05$abcdefghijklmnopqrstu.';
const HMAC_SECRET = 'qwer9yuhgf';

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
    API_TOKEN_BCRYPT_SALT: SALT,
    API_TOKEN_HMAC_SECRET: HMAC_SECRET,
  };
  latchkey = await ServerProcess.start({
    ...settings,
    RATE_LIMIT_PER_MINUTE: '0',
    BOOTSTRAP_ADMIN_EMAIL: ADMIN.email,
    BOOTSTRAP_ADMIN_PASSWORD: ADMIN.password,
    BOOTSTRAP_APP_TOKEN: ADMIN.appToken,
  });
  await latchkey.ready();
  const { body } = await logIn(ADMIN.appToken, ADMIN.email, ADMIN.password);
  const { token } = body as { token: string };
  env = { ...settings, LATCHKEY: latchkey.url, APP_TOKEN: ADMIN.appToken, TOKEN: token };
});

afterAll(async () => {
  await cleanUp();
  await database.drop();
});

/** As document 003 has it. */
function logIn(appToken: string, username: string, password: string) {
  const form = new URLSearchParams({ username, password }).toString();
  const headers = { 'content-type': 'application/x-www-form-urlencoded', 'app-token': appToken };
  return latchkey.call('POST', '/api/v1/token/', form, headers);
}

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

  it('has an export that is empty taken for a broken one', async () => {
    const output = await old.run(
      'export again',
      'node gone.mjs first.ndjson /dev/null >none && echo done; wc -c <none',
    );
    expect(output).toMatch(/Error: There is nothing in \/dev\/null\.[^]*\n0\n$/);
    expect(output).not.toContain('done');
  });

  itWhere({ has: HAS_PSQL, otherwise: 'there is no psql to compare test/support/psql.js with' })(
    'is exported alike by psql and by what stands in for it',
    async () => {
      for (const program of ['psql', `node '${PSQL_JS}'`]) {
        const line = `${program} "$OLD_DATABASE_URL" -XqAt -v ON_ERROR_STOP=1 -v FETCH_COUNT=1000 -f export.sql`;
        expect(await old.run('export again', `${line} -o by.ndjson && cmp by.ndjson second.ndjson`)).toBe('');
      }
    },
  );

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

describe('The service of App-Tokens', () => {
  let old: OldService;
  const newId = () => randomBytes(12).toString('hex');
  const newToken = () => randomBytes(6).toString('hex');
  const ids = { ann: newId(), bob: newId(), cy: newId(), sha1: newId() };
  const app = {
    ann: randomBytes(16).toString('hex'),
    bob: newToken(),
    gone: newToken(),
    cy: newToken(),
    sha1: newToken(),
  };
  const own = { ann: newToken(), gone: newToken(), bob: newToken(), cy: newToken() };

  function django(password: string): string {
    const salt = randomBytes(11).toString('hex');
    return `pbkdf2_sha256$260000$${salt}$${pbkdf2Sync(password, salt, 260_000, 32, 'sha256').toString('base64')}`;
  }

  const user = (id: string, email: string, password: string) =>
    old.query('INSERT INTO users (id, email, password) VALUES ($1, $2, $3)', [id, email, password]);
  const token = (table: 'app_tokens' | 'tokens', user_id: string, secret: string, lasts = '200 years') =>
    old.query(`INSERT INTO ${table} (token, user_id, expires) VALUES ($1, $2, now() + $3::interval)`, [
      secret,
      user_id,
      lasts,
    ]);
  const list = async (appToken: string, userToken: string) =>
    (await latchkey.call('GET', '/api/v1/tokens/', undefined, tokenHeaders(appToken, userToken))).status;

  beforeAll(async () => {
    old = await OldService.start('app-tokens', env);
    await old.makeRole('app_tokens');
    await user(ids.ann, 'ann@example.org', django('what ann chose'));
    await user(ids.bob, 'bob@example.org', '!unusable');
    await user(ids.cy, 'cy@example.org', django('what cy chose'));
    await user(ids.sha1, 'sha1@example.org', 'sha1$abc$0123456789abcdef0123456789abcdef01234567');
    // Has an account that the account service had.
    await user(newId(), 'maria@example.org', '!unusable');
    for (const [name, secret] of Object.entries(app)) {
      await token('app_tokens', ids[name === 'gone' ? 'ann' : (name as keyof typeof ids)], secret);
    }
    for (const [name, secret] of Object.entries(own)) {
      await token('tokens', ids[name === 'gone' ? 'ann' : (name as keyof typeof ids)], secret, '1 day');
    }
    await token('tokens', ids.ann, 'expired', '-1 second');
  });

  afterAll(() => old.drop());

  it('is copied: App-Tokens, user tokens, passwords and ids are good on the documented routes', async () => {
    expect(await old.imports('first copy')).toEqual({ records: 14, made: 11, changed: 0, unchanged: 0, refused: 3 });
    expect(old.whyRefused('first.ndjson', 'email', 'account')).toEqual({
      'sha1@example.org': { password_hash: expect.stringContaining('is not a hash of a kind that is known') },
      [ids.sha1]: { account: 'is not an account on this server: import it first' },
      'maria@example.org': { email: 'is taken' },
    });
    expect(await list(app.ann, own.ann)).toBe(200);
    expect(await list(app.bob, own.bob)).toBe(200);
    expect(await list(app.ann, 'expired')).toBe(401);
    expect((await logIn(app.ann, 'ann@example.org', 'what cy chose')).status).toBe(401);
    const { status, body } = await logIn(app.ann, 'ann@example.org', 'what ann chose');
    expect([status, body]).toEqual([200, { token: expect.any(String) }]);
    expect(await list(app.ann, (body as { token: string }).token)).toBe(200);
    const admin = tokenHeaders(ADMIN.appToken, env.TOKEN ?? '');
    const obo = await latchkey.call('POST', '/api/v1/tokens/', { user: ids.bob, seconds_until_expire: 60 }, admin);
    expect([obo.status, await list(app.bob, (obo.body as { token: string }).token)]).toEqual([201, 200]);
  });

  it('brings the difference; what was deleted, disabled or expired there is not good here', async () => {
    const [laterApp, laterOwn] = [newToken(), newToken()];
    await old.query('DELETE FROM app_tokens WHERE token = $1', [app.gone]);
    await old.query('UPDATE tokens SET expires = now() WHERE token = $1', [own.gone]);
    await old.query('UPDATE users SET is_active = false WHERE id = $1', [ids.bob]);
    await old.query('DELETE FROM users WHERE id = $1', [ids.cy]);
    await token('app_tokens', ids.ann, laterApp);
    await token('tokens', ids.ann, laterOwn, '1 day');
    expect(await list(app.cy, own.cy)).toBe(200);

    expect(await old.run('export again')).toBe('7 of 14 records are gone.\n');
    expect(await old.imports('end what is gone')).toEqual({
      records: 5,
      made: 0,
      changed: 5,
      unchanged: 0,
      refused: 0,
    });
    expect(await list(app.gone, own.ann)).toBe(401);
    expect(await list(app.ann, own.gone)).toBe(401);
    expect(await list(app.bob, own.bob)).toBe(401);
    expect(await list(app.cy, own.cy)).toBe(401);
    expect(await old.run('delete who was deleted')).toBe('');
    expect(await database.query('SELECT id FROM accounts WHERE legacy_id = $1', [ids.cy])).toEqual([]);
    expect(await old.imports('import the difference')).toMatchObject({ made: 2, changed: 1, unchanged: 3, refused: 3 });
    expect(await list(laterApp, laterOwn)).toBe(200);
    expect(await list(app.ann, own.ann)).toBe(200);
    expect((await logIn(app.ann, 'ann@example.org', 'what ann chose')).status).toBe(200);
  });

  it('lets users log in until the traffic is led here, and a third export brings their tokens', async () => {
    const meanwhile = newToken();
    await old.asService(
      `INSERT INTO tokens (token, user_id, expires) VALUES ('${meanwhile}', '${ids.ann}', now() + interval '1 day')`,
    );
    await expect(old.asService(`DELETE FROM app_tokens WHERE token = '${app.ann}'`)).rejects.toThrow('denied');
    expect(await list(app.ann, meanwhile)).toBe(401);
    await old.runFile('export.sql', 'second.ndjson');
    expect(await old.imports('import the difference')).toMatchObject({ made: 1, changed: 0 });
    expect(await list(app.ann, meanwhile)).toBe(200);
    await old.runFile('read-write.sql');
    await old.asService(`DELETE FROM app_tokens WHERE token = '${app.ann}'`);
  });
});

describe('publicauth', () => {
  let old: OldService;

  /** As publicauth makes it. */
  function newKey(prefix = '', salt = SALT) {
    const part = prefix + BigInt(`0x${randomBytes(16).toString('hex')}`).toString(32);
    const hmac = BigInt(`0x${createHmac('sha1', HMAC_SECRET).update(part).digest('hex')}`).toString(32);
    const hash = bcrypt.hashSync(part, salt.replace('$2a$', '$2b$')).replace('$2b$', '$2a$');
    return { key: part + hmac.padStart(32, '0'), hash, link: randomUUID() };
  }
  type Key = ReturnType<typeof newKey>;
  const [till, revoked, link, gone] = [newKey(), newKey('api_live_'), newKey('api_live_'), newKey('api_test_')];
  const other = newKey('', SALT.replace('abc', 'xyz'));

  const insert = ({ hash, link }: Key, account: string, fields: Record<string, string> = {}) => {
    const row = { token_hash: hash, token_link: link, account_id: account, created_by: 'fred@example.org', ...fields };
    const places = Object.keys(row).map((_, index) => `$${index + 1}`);
    return old.query(`INSERT INTO tokens (${Object.keys(row).join()}) VALUES (${places.join()})`, Object.values(row));
  };
  const ask = async ({ key }: Key) => {
    const { status, body } = await latchkey.call('GET', '/v1/api/auth', undefined, bearer(key));
    return { status, body: body as unknown };
  };
  const frontend = (method: string, path: string, body?: unknown) =>
    latchkey.call(method, `/v1/frontend/auth/${path}`, body, { 'app-token': ADMIN.appToken });
  const isRevoked = ({ link }: Key) => ({
    status: 401,
    body: { error_identifier: 'AUTH_TOKEN_REVOKED', token_link: link },
  });

  beforeAll(async () => {
    old = await OldService.start('publicauth', env);
    await old.makeRole('publicauth');
    await insert(till, '15', { description: 'Till', issued: '2015-10-10 12:12:00', service_mode: 'LIVE' });
    await insert(revoked, '15', { revoked: '2016-01-01 00:00:00' });
    await insert(link, '16', { type: 'PRODUCTS', token_type: 'DIRECT_DEBIT' });
    await insert(gone, '16');
    await insert(other, '17');
  });

  afterAll(() => old.drop());

  it('is copied: keys are good or revoked as they were, and lists show them', async () => {
    expect(await old.imports('first copy')).toEqual({ records: 5, made: 4, changed: 0, unchanged: 0, refused: 1 });
    expect(old.whyRefused('first.ndjson', 'account_id')).toEqual({
      17: { token_hash: 'has a different salt from API_TOKEN_BCRYPT_SALT' },
    });
    expect(await ask(till)).toMatchObject({
      status: 200,
      body: { account_id: '15', token_link: till.link, token_type: 'CARD' },
    });
    expect(await ask(link)).toMatchObject({ status: 200, body: { account_id: '16', token_type: 'DIRECT_DEBIT' } });
    expect(await ask(revoked)).toMatchObject(isRevoked(revoked));
    for (const unknown of [other, newKey(), { ...till, key: till.key.slice(0, -32) }]) {
      expect(await ask(unknown)).toMatchObject({ status: 401, body: { error_identifier: 'AUTH_TOKEN_INVALID' } });
    }
    expect((await frontend('GET', '15')).body).toMatchObject({
      tokens: [{ token_link: till.link, description: 'Till', issued_date: expect.stringContaining('10 Oct 2015') }],
    });
    expect((await frontend('GET', '15?state=revoked')).body).toMatchObject({ tokens: [{ token_link: revoked.link }] });
    expect((await frontend('GET', '16?type=products')).body).toMatchObject({ tokens: [{ token_link: link.link }] });
  });

  it('brings the difference, also for keys that were used here; meanwhile keys are checked there', async () => {
    const later = newKey();
    await insert(later, '15');
    await old.query(`UPDATE tokens SET description = 'Till 7', last_used = now() WHERE token_link = $1`, [till.link]);
    await old.query('UPDATE tokens SET revoked = now() WHERE token_link = $1', [link.link]);
    await old.query('DELETE FROM tokens WHERE token_link = $1', [gone.link]);
    expect((await ask(link)).status).toBe(200);

    expect(await old.run('export again')).toBe('1 of 5 records are gone.\n');
    await old.asService('UPDATE tokens SET last_used = now()');
    for (const statement of [
      'UPDATE tokens SET revoked = now()',
      'DELETE FROM tokens',
      'INSERT INTO tokens DEFAULT VALUES',
    ]) {
      await expect(old.asService(statement)).rejects.toThrow('permission denied');
    }
    expect(await old.imports('end what is gone')).toEqual({
      records: 1,
      made: 0,
      changed: 1,
      unchanged: 0,
      refused: 0,
    });
    expect(await ask(gone)).toMatchObject(isRevoked(gone));
    expect(await old.run('delete who was deleted')).toBe('');
    expect(await old.imports('import the difference')).toEqual({
      records: 5,
      made: 1,
      changed: 2,
      unchanged: 1,
      refused: 1,
    });
    expect([(await ask(till)).status, (await ask(later)).status]).toEqual([200, 200]);
    expect(await ask(link)).toMatchObject(isRevoked(link));
    expect((await frontend('GET', '15')).body).toMatchObject({
      tokens: expect.arrayContaining([expect.objectContaining({ token_link: till.link, description: 'Till 7' })]),
    });
  });

  it('serves again after the way back, and the token that was revoked here is listed', async () => {
    expect((await frontend('DELETE', '15', { token_link: till.link })).status).toBe(200);
    expect(await lost()).toMatchObject([{ kind: 'token.revoked', subject: till.link }]);
    await old.runFile('read-write.sql');
    await old.asService('UPDATE tokens SET revoked = now()');
  });
});

describe('The connect service', () => {
  let old: OldService;
  const ids = { university: randomUUID(), readingRoom: randomUUID(), gone: randomUUID(), office: randomUUID() };
  const client = { id: '7_4mw3zvzfm2kgws8k', secret: 's3cr3t of the seventh', next: 'another of the seventh' };
  const goneClient = { id: '8_1x2y3z', secret: 's3cr3t of the eighth' };

  const account = async (id: string, name: string, networks: string[], domains: string[] = []) => {
    await old.query('INSERT INTO accounts (id, name, publisher_reference) VALUES ($1, $2, $3)', [
      id,
      name,
      name.slice(0, 3),
    ]);
    await old.query('INSERT INTO account_networks SELECT $1, unnest($2::text[])', [id, networks]);
    await old.query('INSERT INTO account_domains SELECT $1, unnest($2::text[])', [id, domains]);
  };
  const ask = async ({ id, secret }: { id: string; secret: string }) => {
    const body = { grant_type: 'client_credentials' };
    const answer = await latchkey.call('POST', '/oauth/v2/token', body, basic(id, secret));
    return { status: answer.status, token: (answer.body as { account_token: string }).account_token };
  };
  const identify = async (ip: string, secret = client.secret, email?: string) => {
    const { token } = await ask({ id: client.id, secret });
    const body = { ip, user_agent: 'example', url: 'https://publisher.example/read', ...(email && { email }) };
    const answer = await latchkey.call('POST', '/api/identifications', body, bearer(token));
    const { status, account } = answer.body as { status: string; account?: { id: string } };
    return [answer.status, status, account?.id];
  };

  beforeAll(async () => {
    old = await OldService.start('connect', env);
    await old.makeRole('connect');
    await account(ids.university, 'University', ['192.0.2.0/25', '198.51.100.1-198.51.100.9'], ['university.example']);
    await account(ids.readingRoom, 'Library', ['203.0.113.*']);
    await account(ids.gone, 'School', ['192.0.2.128/25']);
    await account(ids.office, 'Office', ['10.0.0.0/8']);
    for (const { id, secret } of [client, goneClient]) {
      const [number, random] = id.split('_');
      await old.query('INSERT INTO oauth2_clients VALUES ($1, $2, $3, $4)', [number, random, secret, `Client ${id}`]);
    }
  });

  afterAll(() => old.drop());

  it('is copied: clients get tokens with their secrets, and visitors are identified', async () => {
    expect(await old.imports('first copy')).toEqual({ records: 6, made: 5, changed: 0, unchanged: 0, refused: 1 });
    expect(old.whyRefused('first.ndjson', 'name')).toEqual({
      Office: { networks: expect.stringContaining('private') },
    });
    expect(await ask(client)).toEqual({ status: 201, token: expect.any(String) });
    expect((await ask({ ...client, secret: goneClient.secret })).status).toBe(401);
    expect(await identify('192.0.2.7')).toEqual([201, 'identified', ids.university]);
    expect(await identify('198.51.100.9')).toEqual([201, 'identified', ids.university]);
    expect(await identify('203.0.113.200')).toEqual([201, 'identified', ids.readingRoom]);
    expect(await identify('192.0.2.200')).toEqual([201, 'identified', ids.gone]);
    const { token } = await ask(client);
    const { status, body } = await latchkey.call('GET', `/accounts/${ids.university}`, undefined, bearer(token));
    expect([status, body]).toMatchObject([200, { id: ids.university, name: 'University', publisher_reference: 'Uni' }]);
  });

  it('brings the difference: networks that were taken away, other secrets, what is new and what is gone', async () => {
    const college = randomUUID();
    await old.query('DELETE FROM account_networks WHERE account_id = $1', [ids.readingRoom]);
    await old.query('DELETE FROM accounts WHERE id = $1', [ids.gone]);
    await old.query('DELETE FROM oauth2_clients WHERE id = 8');
    await old.query('UPDATE oauth2_clients SET secret = $1 WHERE id = 7', [client.next]);
    await account(college, 'College', ['192.0.2.128/25']);
    const goneToken = (await ask(goneClient)).token;

    expect(await old.run('export again')).toBe('2 of 6 records are gone.\n');
    for (const table of ['accounts', 'account_networks', 'account_domains', 'oauth2_clients']) {
      await expect(old.asService(`DELETE FROM ${table}`)).rejects.toThrow('permission denied');
    }
    expect(await old.imports('end what is gone')).toEqual({
      records: 2,
      made: 0,
      changed: 2,
      unchanged: 0,
      refused: 0,
    });
    expect((await ask(goneClient)).status).toBe(401);
    expect((await latchkey.call('GET', '/api', undefined, bearer(goneToken))).status).toBe(401);
    expect(await identify('192.0.2.200')).not.toContain(ids.gone);
    expect(await old.run('delete who was deleted')).toBe('');
    expect(await database.query('SELECT id FROM oauth_clients WHERE id = $1', [goneClient.id])).toEqual([]);
    expect(await old.imports('import the difference')).toEqual({
      records: 5,
      made: 1,
      changed: 2,
      unchanged: 1,
      refused: 1,
    });
    expect((await ask(client)).status).toBe(401);
    expect((await ask({ ...client, secret: client.next })).status).toBe(201);
    expect(await identify('192.0.2.200', client.next)).toEqual([201, 'identified', college]);
    expect(await identify('203.0.113.200', client.next)).not.toContain(ids.readingRoom);
    await old.runFile('read-write.sql');
    await old.asService('DELETE FROM account_networks');
  });
});
