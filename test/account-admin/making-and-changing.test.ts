import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import {
  ABSENT,
  type Account,
  ACCOUNTS,
  admin,
  ADMINS_ONLY,
  afterAllOfThis,
  ALL,
  AT_WORST,
  change,
  countAccounts,
  database,
  eventsOf,
  everything,
  get,
  invalid,
  mailsAbout,
  make,
  newName,
  NONE,
  type Opened,
  opened,
  outcome,
  pathOf,
  pendingReset,
  post,
  redeem,
  remove,
  replica,
  replicaFolder,
  server,
  signIn,
  stored,
  TIME,
  user,
  withAdmins,
} from '../support/account-admin.js';
import { postForm } from '../support/oauth.js';
import { eventually } from '../support/process.js';
import { newEmail, shouted } from '../support/server.js';
import { logIn, signedInUser, tokenHeaders } from '../support/tokens.js';

withAdmins();

const UUID = expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
const EMAIL_TAKEN = [409, { errors: { email: 'is taken' } }];
const NAME_TAKEN = [409, { errors: { name: 'is taken' } }];

/** What an admin sees of a new person, unless more is said. */
const seen = (fields: object) => ({
  id: UUID,
  email: null,
  email_verified_at: null,
  name: null,
  publisher_reference: null,
  individual: true,
  role: 'user',
  legacy_id: null,
  has_password: true,
  aliases: [],
  networks: [],
  email_domains: [],
  locale: null,
  created_at: TIME,
  updated_at: TIME,
  disabled_at: null,
  ...fields,
});

const LONG_TEXTS = ['x'.repeat(256), '😀'.repeat(256), 'x\ufe0e'.repeat(128)];
const NO_STRINGS = [null, 5, true, ['a'], { a: 1 }];
const NO_LISTS = [null, 5, true, { 0: 'a', length: 1 }];

/** What is refused of a field, whether an account is made or changed. */
const BAD_FIELDS: [field: string, message: string, values: unknown[]][] = [
  [
    'email',
    'must be an email address',
    ['', 'x', 'x@', '@example.org', 'a@b@example.org', `${'x'.repeat(243)}@example.org`],
  ],
  ['email', 'must be a string', [5, true, ['a@example.org'], { a: 1 }]],
  ['name', 'must be a string', [5, true, ['a'], { a: 1 }]],
  ['name', 'must be one line of text', ['', ' ', '\u00a0\u3000', 'a\nb', 'a\t', '\u202ea']],
  // The last one is longer in the spelling that names are stored in.
  ['name', 'must be at most 255 characters', [...LONG_TEXTS, '\uFB2C'.repeat(255)]],
  ['publisher_reference', 'must be a string', [5, true, ['a'], { a: 1 }]],
  ['publisher_reference', 'must be one line', ['a\nb', '\u001b[1m']],
  ['publisher_reference', 'must be at most 255 characters', LONG_TEXTS],
  ['aliases', 'must be a list, or a text of lines', NO_LISTS],
  ['aliases', 'entry 2 must be one line of text', [['EX', '\u202e']]],
  ['networks', 'must be a list, or a text of lines', NO_LISTS],
  ['networks', 'entry 1 must be a string', [[null], [5], [['192.0.2.0/24']]]],
  ['networks', 'entry 2 repeats entry 1', [['192.0.2.0/24', '::ffff:192.0.2.0/120']]],
  ['networks', 'must have at most 400 entries', [Array(401).fill('192.0.2.0/24')]],
  ['email_domains', 'must be a list, or a text of lines', NO_LISTS],
  ['email_domains', 'entry 1 must be a string', [[null], [5]]],
  ['email_domains', 'entry 2 repeats entry 1', [['example.org', 'EXAMPLE.org.']]],
  ['email_domains', 'must have at most 400 entries', [Array(401).fill('example.org')]],
  ['role', 'must be admin or user', [null, '', 'ADMIN', 'owner', 5, ['admin'], { a: 1 }]],
];

describe('An account is made', () => {
  it('with a password: its holder signs in at once, and no mail is written', async () => {
    const email = `Ada.${newEmail()}`;
    const answer = await post(ACCOUNTS, { email, password: 'an example of Ada' });
    expect(outcome(answer)).toEqual([201, seen({ email })]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const { id } = answer.body as Account;
    expect(await stored(id)).toMatchObject({
      email,
      role: 'user',
      name: null,
      publisher_reference: null,
      individual: true,
      disabled_at: null,
      email_verified_at: null,
      credential_epoch: 0,
      password_hash: expect.stringMatching(/^\$2b\$04\$/),
      networks: [],
      domains: [],
    });
    expect((await signIn(email.toUpperCase(), 'an example of Ada')).status).toBe(200);
    expect(await mailsAbout(email)).toEqual([]);
    expect(await eventsOf(id)).toMatchObject([
      { kind: 'account.created', actor_id: admin.id },
      { kind: 'sign_in', actor_id: id },
    ]);
    expect(outcome(await get(pathOf(id)))).toEqual(outcome({ ...answer, status: 200 }));
  });

  it('with an invitation: the link in its mail lets its holder choose a password, once, and sign in', async () => {
    const email = newEmail();
    const answer = await post(ACCOUNTS, { email, name: newName() });
    expect(outcome(answer)).toEqual([201, seen({ email, name: answer.body.name, has_password: false })]);
    const { id } = answer.body as Account;
    expect(await stored(id)).toMatchObject({ password_hash: null, email_verified_at: null });
    const [mail, ...others] = await mailsAbout(email);
    expect([mail?.kind, others]).toEqual(['invitation', []]);
    const [reset] = await database.query(
      `SELECT id, extract(epoch FROM expires_at - created_at)::float8 AS seconds FROM password_resets WHERE account_id = $1`,
      [id],
    );
    expect(reset).toEqual({ id: mail?.subject_id, seconds: server.config.invitationTtl });
    const text = await eventually(async () => {
      // Whichever replica takes it up first.
      for (const folder of [server.config.dataDir, replicaFolder].map((parent) => join(parent, 'mail'))) {
        for (const file of await readdir(folder).catch(() => [])) {
          const content = await readFile(join(folder, file), 'utf8');
          if (content.includes(email)) return content;
        }
      }
      throw new Error('There is no mail yet.');
    });
    const token = /^http:\/\/latchkey\.test\/password\/reset(?:\?for=invitation)?#token=(\S+)$/m.exec(text)?.[1];
    const choose = (password: string) =>
      server.call('PUT', '/account/password', { account: { password, reset_password_token: token } });
    expect((await signIn(email, 'chosen by its holder')).status).toBe(401);
    expect(outcome(await choose('chosen by its holder'))).toEqual([200, { id, email }]);
    expect((await signIn(email, 'chosen by its holder')).status).toBe(200);
    expect((await choose('chosen by another')).status).toBe(422);
    expect((await get(pathOf(id))).body).toMatchObject({ has_password: true, email_verified_at: TIME });
    expect((await eventsOf(id)).map(({ kind }) => kind)).toEqual([
      'account.created',
      'account.invited',
      // The attempt without one.
      'sign_in',
      'password_reset.redeemed',
      'sign_in',
    ]);
  });

  it('as an organisation without an email, which gets no mail, or with one, which may get one', async () => {
    const name = newName();
    const answer = await post(ACCOUNTS, { individual: false, name: `  ${name}\u3000`, publisher_reference: null });
    expect(outcome(answer)).toEqual([201, seen({ name, individual: false, has_password: false })]);
    expect(await stored(answer.body.id as string)).toMatchObject({ name, individual: false, email: null });
    expect(await database.query('SELECT 1 FROM password_resets WHERE account_id = $1', [answer.body.id])).toEqual([]);
    const email = newEmail();
    expect((await post(ACCOUNTS, { individual: false, name: newName(), email })).status).toBe(201);
    expect(await mailsAbout(email)).toMatchObject([{ kind: 'invitation' }]);
  });

  it('with all there is to say of it, in one spelling', async () => {
    const [email, name] = [newEmail(), `${newName()} Zu\u0308rich`];
    const answer = await post(ACCOUNTS, {
      email,
      password: 'example',
      name: ` ${name} `,
      publisher_reference: 'x'.repeat(255),
      role: 'admin',
      individual: true,
      networks: ['2001:DB8:0::/48', '::ffff:198.51.100.0/120', '192.0.2.7'],
      email_domains: ['EXAMPLE.org', '*.bücher.example'],
    });
    const fields = {
      email,
      name: name.normalize('NFC'),
      publisher_reference: 'x'.repeat(255),
      role: 'admin',
      networks: ['192.0.2.7/32', '198.51.100.0/24', '2001:db8::/48'],
      email_domains: ['*.xn--bcher-kva.example', 'example.org'],
    };
    expect(outcome(answer)).toEqual([201, seen(fields)]);
    const { id } = answer.body as Account;
    expect(await stored(id)).toMatchObject({ credential_epoch: 0, disabled_at: null, networks: fields.networks });
    const token = await logIn(server, admin.appToken, { email, password: 'example' });
    expect((await get(ACCOUNTS, tokenHeaders(admin.appToken, token))).status).toBe(200);
    // A network and a domain of many accounts' are theirs to have.
    await remove(pathOf(id));
  });

  it('whose texts are as long as they can be', async () => {
    for (const fields of [
      {
        email: `${'x'.repeat(64)}@${'y'.repeat(63)}.${'z'.repeat(63)}.${'w'.repeat(54)}.org`,
        password: 'é'.repeat(256),
      },
      { name: `${newName()} `.padEnd(255, 'x'), publisher_reference: '😀'.repeat(255), password: 'x'.repeat(256) },
      { name: '😀'.repeat(255), publisher_reference: '' },
    ]) {
      const { status, body } = await post(ACCOUNTS, { email: newEmail(), password: 'example', ...fields });
      const shown = Object.fromEntries(Object.entries(fields).filter(([name]) => name !== 'password'));
      expect({ status, body }).toMatchObject({ status: 201, body: shown });
      await remove(pathOf(body.id as string));
    }
  });

  it.each<[body: object, errors: object]>([
    [{}, { email: 'is required for a person' }],
    [{ name: 'nobody' }, { email: 'is required for a person' }],
    [{ password: 'example', individual: true }, { email: 'is required for a person' }],
    [{ email: null }, { email: 'is required for a person' }],
    [{ individual: false }, { name: 'is required for an organisation' }],
    [{ individual: false, email: 'a@example.org' }, { name: 'is required for an organisation' }],
    [{ individual: false, name: null }, { name: 'is required for an organisation' }],
    [{ individual: false, name: 'nobody', password: 'example' }, { password: 'requires an email' }],
    [{ email: 'a@example.org', password: 'short' }, { password: 'must be at least 7 characters' }],
    [{ email: 'a@example.org', password: '' }, { password: 'must be at least 7 characters' }],
    [{ email: 'a@example.org', password: 'x'.repeat(257) }, { password: 'must be at most 256 characters' }],
    [
      { email: 'a@example.org', password: 'a\tb\ncdef' },
      { password: 'must not contain control characters, such as tabs and line breaks' },
    ],
    [{ email: null, individual: false, name: 'nobody' }, { email: 'must be a string' }],
    [{ email: 'a@example.org', name: null }, { name: 'must be a string' }],
    [{ email: 'a@example.org', id: ABSENT }, { id: 'You cannot specify your own id.' }],
    [{ email: 'a@example.org', id: null }, { id: 'You cannot specify your own id.' }],
    [
      { email: 5, name: '', role: 'owner', individual: 'yes', networks: ['x'], email_domains: 'x' },
      {
        email: 'must be a string',
        name: 'must be one line of text',
        role: 'must be admin or user',
        individual: 'must be true or false',
        networks: 'entry 1 is not a valid IP network, such as 192.0.2.0/24 or 2001:db8::/32',
        email_domains: 'entry 1 is not a valid domain, such as example.org or *.example.org',
      },
    ],
  ])('not with %j', async (body, errors) => {
    const before = await countAccounts();
    expect(outcome(await post(ACCOUNTS, body))).toEqual(invalid(errors));
    expect(await countAccounts()).toBe(before);
  });

  it.each<[field: string, message: string, values: unknown[]]>([
    ...BAD_FIELDS,
    ['password', 'must be a string', NO_STRINGS],
    ['individual', 'must be true or false', [null, 'true', 0, 1, []]],
  ])('not with a field %s that %s', async (field, message, values) => {
    const before = await countAccounts();
    for (const value of values) {
      const answer = await post(ACCOUNTS, { email: newEmail(), password: 'example', [field]: value });
      expect([value, ...outcome(answer)]).toEqual([value, ...invalid({ [field]: message })]);
    }
    expect(await countAccounts()).toBe(before);
  });

  it('not with an email or a name that is taken, and then no invitation is mailed', async () => {
    const { email, name } = await make({ name: newName() });
    const before = await countAccounts();
    for (const [body, expected] of [
      [{ email: email.toUpperCase() }, EMAIL_TAKEN],
      [{ email, password: 'example', name }, EMAIL_TAKEN],
      [{ email: newEmail(), name }, NAME_TAKEN],
      [{ individual: false, name: ` ${name}` }, NAME_TAKEN],
    ]) {
      expect(outcome(await post(ACCOUNTS, body))).toEqual(expected);
    }
    expect(await countAccounts()).toBe(before);
    expect(await mailsAbout(email.toUpperCase())).toEqual([]);
  });

  it('with a password only, where there are no invitations', async () => {
    const refused = invalid({ password: 'is required, as invitations are disabled (SIGNUP=closed)' });
    expect(outcome(await post(ACCOUNTS, { email: newEmail() }, admin.headers, replica))).toEqual(refused);
    const organisation = { individual: false, name: newName() };
    const withEmail = { ...organisation, email: newEmail() };
    expect(outcome(await post(ACCOUNTS, withEmail, admin.headers, replica))).toEqual(refused);
    const person = { email: newEmail(), password: 'example' };
    for (const body of [organisation, person]) {
      expect((await post(ACCOUNTS, body, admin.headers, replica)).status).toBe(201);
    }
  });

  it('with what is JSON only', async () => {
    for (const [body, headers, status] of [
      ['email=a@example.org', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
      ['{', {}, 400],
      ['[]', {}, 400],
      ['{"email":"a@example.org","email":"b@example.org"}', {}, 400],
    ] as const) {
      const answer = await post(ACCOUNTS, body, { ...admin.headers, ...headers });
      // Of one name given twice, JSON's own way is to take the last.
      if (answer.status !== 201) expect([body, answer.status]).toEqual([body, status]);
      else await remove(pathOf(answer.body.id as string));
    }
  });
});
/** What signs somebody in, or could. */
const SIGNED_OUT = {
  ...{ jwt: false, refresh: false, userToken: false },
  ...{ onBehalfOfIt: false, onBehalfOfOthers: false, reset: false },
};

describe('An account is changed:', () => {
  it('each field alone, and all together, but not none', async () => {
    const account = await make({ name: newName() });
    const expected = { ...account } as Record<string, unknown>;
    const other = newEmail();
    for (const fields of [
      { name: newName() },
      { name: null },
      { publisher_reference: 'first' },
      { publisher_reference: null },
      { aliases: ['EX', 'مثال', 'Example, the'] },
      { aliases: [] },
      { networks: ['192.0.2.0/24', '2001:db8::/32'] },
      { email_domains: ['example.org'] },
      { networks: ['192.0.2.0/25'] },
      { networks: [], email_domains: [] },
      { role: 'admin' },
      { role: 'user' },
      { disabled: true },
      { disabled: false },
      { email: other },
      { email: shouted(other) },
      { password: null },
      {
        ...{
          name: newName(),
          publisher_reference: 'all',
          aliases: ['ALL'],
          networks: ['198.51.100.0/24'],
          email_domains: ['example.com'],
        },
        ...{ role: 'admin', disabled: true, email: newEmail(), password: null },
      },
      { networks: [], email_domains: [], disabled: false, role: 'user' },
    ]) {
      const before = await stored(account.id);
      const { disabled, password, ...shown } = fields as Record<string, unknown>;
      Object.assign(expected, shown, {
        ...(disabled !== undefined && { disabled_at: disabled === true ? TIME : null }),
        ...(password === null && { has_password: false }),
        updated_at: TIME,
      });
      expect([fields, ...outcome(await change(account.id, fields))]).toEqual([fields, 200, expected]);
      expect((await get(pathOf(account.id))).body).toEqual(expected);
      const after = await stored(account.id);
      expect(after?.updated_at.getTime()).toBeGreaterThan(before?.updated_at.getTime() ?? Infinity);
      if (!('password' in fields)) expect(after?.password_hash).toBe(before?.password_hash);
    }
    const before = await stored(account.id);
    for (const body of [{}, undefined, { nonsense: 1, password_hash: 'x', created_at: '2015-01-01T12:00:00Z' }]) {
      expect((await change(account.id, body)).status).toBe(400);
    }
    expect(await stored(account.id)).toEqual(before);
  });

  it.each<[field: string, message: string, values: unknown[]]>([
    ...BAD_FIELDS,
    ['disabled', 'must be true or false', [null, 'true', 0, 1, '', []]],
    [
      'password',
      'must be null: only the account holder can choose a password',
      ['another example', '', 5, true, [null]],
    ],
    ['id', 'cannot be changed', [null, ABSENT]],
    ['individual', 'cannot be changed', [null, true, false]],
  ])('not to a field %s that %s', async (field, message, values) => {
    const { id } = await make();
    const before = await stored(id);
    for (const value of values) {
      const answer = await change(id, { publisher_reference: 'changed', [field]: value });
      expect([value, ...outcome(answer)]).toEqual([value, ...invalid({ [field]: message })]);
    }
    expect(await stored(id)).toEqual(before);
  });

  it('not so that it lacks what it needs, or has what is another’s', async () => {
    const person = await make({ name: newName() });
    const house = await make({ individual: false, name: newName() });
    for (const [id, body, expected] of [
      [person.id, { email: null }, invalid({ email: 'is required for a person' })],
      [house.id, { name: null }, invalid({ name: 'is required for an organisation' })],
      [person.id, { email: house.email.toUpperCase() }, EMAIL_TAKEN],
      [person.id, { email: house.email, name: house.name, disabled: true }, EMAIL_TAKEN],
      [house.id, { name: person.name, email: newEmail(), role: 'admin' }, NAME_TAKEN],
    ] as [string, object, unknown[]][]) {
      const before = await stored(id);
      expect(outcome(await change(id, { publisher_reference: 'changed', ...body }))).toEqual(expected);
      expect(await stored(id)).toEqual(before);
    }
    expect((await change(house.id, { email: null })).body).toMatchObject({ email: null });
    expect((await change(person.id, { name: null })).body).toMatchObject({ name: null });
    expect((await signIn(person.email, 'example')).status).toBe(200);
    expect((await signIn(house.email, 'example')).status).toBe(401);
  });

  it.each<[what: string, body: () => object, left: Partial<Opened>]>([
    [
      'what it is called, and whom it stands for, end nothing',
      () => ({
        name: newName(),
        publisher_reference: 'x',
        aliases: ['x'],
        networks: ['192.0.2.0/24'],
        email_domains: ['example.org'],
      }),
      ALL,
    ],
    ['what it is already ends nothing', () => ({ role: 'admin', disabled: false }), ALL],
    ['another email ends what signs in, and not what applications have', () => ({ email: newEmail() }), SIGNED_OUT],
    ['no password ends the same', () => ({ password: null }), SIGNED_OUT],
    [
      'a demotion ends tokens on behalf of others, and refuses what only admins have',
      () => ({ role: 'user' }),
      { onBehalfOfOthers: false, scopedAppToken: false, secret: false, accessToken: false },
    ],
    [
      'a demotion with another email ends both',
      () => ({ role: 'user', email: newEmail() }),
      { ...SIGNED_OUT, scopedAppToken: false, secret: false, accessToken: false },
    ],
    ['disabling ends everything', () => ({ disabled: true }), NONE],
    [
      'disabling ends everything, whatever else there is',
      () => ({ disabled: true, email: newEmail(), name: 'x' }),
      NONE,
    ],
  ])('%s, on both replicas', async (_, body, left) => {
    const held = await everything();
    expect([await opened(held), await opened(held, replica)]).toEqual([ALL, ALL]);
    expect((await change(held.id, body())).status).toBe(200);
    expect(await opened(held)).toEqual({ ...ALL, ...left });
    await eventually(async () => {
      expect(await opened(held, replica)).toEqual({ ...ALL, ...left });
    }, AT_WORST);
    if (left.reset === false) expect((await redeem(held.resetId)).status).toBe(422);
    await change(held.id, { disabled: true });
  });

  it.each<[what: string, body: () => object]>([
    ['of itself', () => ({})],
    ['with another email', () => ({ email: newEmail() })],
  ])('a promotion after a demotion %s brings no token back that only admins have', async (_, body) => {
    const held = await everything();
    expect((await change(held.id, { role: 'user', ...body() })).status).toBe(200);
    expect((await change(held.id, { role: 'admin' })).status).toBe(200);
    const left = { onBehalfOfOthers: false, scopedAppToken: false, accessToken: false, secret: true };
    expect(await opened(held)).toMatchObject(left);
    await eventually(async () => {
      expect(await opened(held, replica)).toMatchObject(left);
    }, AT_WORST);
    await change(held.id, { disabled: true });
  });

  it('the case of its email alone ends nothing', async () => {
    const held = await everything();
    expect((await change(held.id, { email: shouted(held.email) })).body.email).toBe(shouted(held.email));
    expect(await opened(held)).toEqual(ALL);
    expect((await mailsAbout(held.email)).map(({ kind }) => kind)).toEqual(['password-reset']);
  });

  it('a promotion keeps what is open, and gives rights at once, on both replicas', async () => {
    const person = await signedInUser(server);
    for (const at of [server, replica]) expect((await get(ACCOUNTS, person.headers, at)).status).toBe(403);
    expect((await change(person.id, { role: 'admin' })).body.role).toBe('admin');
    expect((await get(ACCOUNTS, person.headers)).status).toBe(200);
    await eventually(async () => {
      expect((await get(ACCOUNTS, person.headers, replica)).status).toBe(200);
    }, AT_WORST);
    expect((await change(person.id, { role: 'user' }, person.headers)).status).toBe(200);
    // Signed in all the same, but no admin.
    expect(outcome(await get(ACCOUNTS, person.headers))).toEqual(ADMINS_ONLY);
    await eventually(async () => {
      expect((await get(ACCOUNTS, person.headers, replica)).status).toBe(403);
    }, AT_WORST);
    expect((await post('/api/v1/app_tokens/', { scopes: ['frontend'] }, person.headers)).status).toBe(403);
    expect((await post('/api/v1/tokens/', { user: user.id }, person.headers)).status).toBe(403);
  });

  it('another email is told to the old address, is not verified, and the old one is kept for two days', async () => {
    const account = await make();
    const changed = await change(account.id, { email: newEmail() });
    expect(changed.body).toMatchObject({ email_verified_at: null });
    expect(await mailsAbout(account.email)).toMatchObject([{ kind: 'email-changed' }]);
    expect(outcome(await post(ACCOUNTS, { email: account.email, password: 'example' }))).toEqual(EMAIL_TAKEN);
    expect((await signIn(account.email, 'example')).status).toBe(401);
    expect((await signIn(changed.body.email as string, 'example')).status).toBe(200);
    // The admin who has made a mistake puts it right.
    expect((await change(account.id, { email: account.email })).status).toBe(200);
    expect((await signIn(account.email, 'example')).status).toBe(200);
    expect((await eventsOf(account.id)).filter(({ kind }) => kind === 'account.email_changed')).toHaveLength(2);
  });

  it('an email to which an invitation went by mistake is no way in once it is put right', async () => {
    const wrong = newEmail();
    const { id } = (await post(ACCOUNTS, { email: wrong, role: 'admin' })).body as Account;
    const invitation = await pendingReset(id);
    expect((await change(id, { email: newEmail() })).status).toBe(200);
    expect((await redeem(invitation)).status).toBe(422);
    // Nobody has ever signed in with it, so that there is nobody to bring it back to.
    const links = await database.query(
      `SELECT purpose FROM email_links WHERE account_id = $1 AND ended_at IS NULL AND expires_at > now()`,
      [id],
    );
    expect(links).toEqual([]);
    expect((await mailsAbout(wrong)).map(({ kind }) => kind)).toEqual(['invitation', 'email-gone']);
  });

  it('who has no password asks for a link, and chooses another', async () => {
    const { id, email } = await make();
    expect((await change(id, { password: null })).body.has_password).toBe(false);
    expect((await signIn(email, 'example')).status).toBe(401);
    await server.call('POST', '/account/password', { account: { email } });
    expect((await redeem(await pendingReset(id))).status).toBe(200);
    expect((await signIn(email, 'another example')).status).toBe(200);
  });

  it('who is disabled is refused at every door, and who is enabled again gets nothing back', async () => {
    const held = await everything();
    const linkOf = async () => {
      const [link] = await database.query('SELECT 1 FROM email_links WHERE account_id = $1 AND ended_at IS NULL', [
        held.id,
      ]);
      return link !== undefined;
    };
    held.email = newEmail();
    await change(held.id, { email: held.email });
    expect(await linkOf()).toBe(true);
    await change(held.id, { disabled: true });
    const [, disabledAt] = [await linkOf(), (await stored(held.id))?.disabled_at];
    expect(await linkOf()).toBe(false);
    const login = () =>
      post('/api/v1/token/', { username: held.email, password: held.password }, { 'app-token': admin.appToken });
    const doors = async () => [
      (await signIn(held.email, held.password)).status,
      (await login()).status,
      (await post('/api/v1/tokens/', { user: held.id })).status,
      (await postForm(server, '/oauth/token', {}, held.client.basic)).status,
    ];
    expect(await doors()).toEqual([401, 401, 400, 401]);
    // Again: it stays as it was.
    expect((await change(held.id, { disabled: true })).body.disabled_at).toBe(disabledAt?.toISOString());
    expect(outcome(await get(pathOf(held.id)))[0]).toBe(200);
    expect((await change(held.id, { disabled: false })).body).toMatchObject({ disabled_at: null, role: 'admin' });
    expect(await opened(held)).toEqual({ ...NONE, secret: true });
    expect(await opened(held, replica)).toEqual({ ...NONE, secret: true });
    expect(await linkOf()).toBe(false);
    expect(await doors()).toEqual([200, 200, 201, 200]);
    expect((await eventsOf(held.id)).map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['account.email_changed', 'account.disabled', 'account.enabled', 'account.role_changed']),
    );
  });

  it('and the audit log has each act once, and nothing of what was refused', async () => {
    const { id } = await make();
    for (const body of [
      { email: newEmail() },
      { role: 'admin' },
      { role: 'admin' },
      { disabled: true },
      { disabled: true },
      { disabled: false },
      { disabled: false },
      { password: null },
      { name: newName(), networks: [] },
    ]) {
      expect((await change(id, body)).status).toBe(200);
    }
    for (const nothing of [{}, { name: '' }]) expect((await change(id, nothing)).status).toBe(400);
    expect((await change(id, { name: newName() }, user.headers)).status).toBe(403);
    expect((await eventsOf(id)).map(({ kind, actor_id }) => [kind, actor_id])).toEqual(
      [...['created', 'email_changed', 'role_changed', 'disabled', 'enabled'], ...['password_removed', 'changed']].map(
        (kind) => [`account.${kind}`, admin.id],
      ),
    );
  });
});

afterAllOfThis('making');
