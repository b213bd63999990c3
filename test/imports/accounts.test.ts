import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import bcrypt from 'bcrypt';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { chunksOf, cleanUpReports, importRecords } from '../support/imports.js';
import { bearer, claimsOf, newEmail, signUp, startServer, type TestServer } from '../support/server.js';

let database: TestDatabase;
let server: TestServer;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection, { bcryptCost: 4, loginMaxFailures: 1_000_000 });
});

afterEach(cleanUpReports);

afterAll(async () => {
  await server.close();
  await database.drop();
});

const hash = (password: string) => bcrypt.hashSync(password, 4).replace('$2b$', '$2y$');
function person(): { email: string; password_hash: string };
function person<More extends object>(more: More): { email: string; password_hash: string } & More;
function person(more: object = {}) {
  return { email: newEmail(), password_hash: hash('an old password'), ...more };
}
const rowOf = async (email: string) =>
  (await database.query('SELECT * FROM accounts WHERE email = $1', [email]))[0] as Record<string, any>;
const signIn = (email: string, password = 'an old password') =>
  server.call('POST', '/account/session', { account: { email, password } });

describe('An imported person', () => {
  it('signs in with the password that they had, under the id that they had', async () => {
    const one = person({ id: randomUUID(), name: `Fred ${randomUUID()}`, created_at: '2015-10-10T12:12:00Z' });
    const { counts, refused } = await importRecords(server, [one]);
    expect([counts, refused]).toEqual([{ records: 1, made: 1, changed: 0, unchanged: 0, refused: 0 }, {}]);
    const { status, body } = await signIn(one.email);
    expect([status, claimsOf((body as { token: string }).token).data.id]).toEqual([200, one.id]);
    expect(await rowOf(one.email)).toMatchObject({
      name: one.name,
      role: 'user',
      individual: true,
      created_at: new Date('2015-10-10T12:12:00Z'),
      email_verified_at: null,
      imported_at: expect.any(Date),
    });
  });

  it('has an email in the one form, and signs in with any spelling of it', async () => {
    const local = `fred.${randomUUID()}`;
    await importRecords(server, [person({ email: `${local}@BÜCHER.example`, email_verified: true })]);
    expect(await rowOf(`${local}@xn--bcher-kva.example`)).toMatchObject({ email_verified_at: expect.any(Date) });
    expect((await signIn(`${local.toUpperCase()}@bücher.example`)).status).toBe(200);
  });

  it('may be disabled, and have no password', async () => {
    const [disabled, invited] = [person({ disabled: true }), { email: newEmail() }];
    await importRecords(server, [disabled, invited]);
    expect([(await signIn(disabled.email)).status, (await signIn(invited.email)).status]).toEqual([401, 401]);
    expect(await rowOf(invited.email)).toMatchObject({ password_hash: null });
  });
});

it('An organisation has its networks and domains, in their one form, and no email', async () => {
  const name = `Example ${randomUUID()}`;
  const organisation = {
    type: 'organisation',
    name,
    publisher_reference: 'ref',
    aliases: 'EX\nExample, the',
    networks: ['192.0.2.7', '2001:DB8::/32'],
  };
  const { counts } = await importRecords(server, [{ ...organisation, email_domains: 'Example.ORG, *.bücher.example' }]);
  expect(counts).toMatchObject({ made: 1, refused: 0 });
  const rows = await database.query(
    `SELECT a.individual, a.publisher_reference AS reference, a.aliases,
       ARRAY(SELECT network::text FROM account_networks n WHERE n.account_id = a.id ORDER BY 1) AS networks,
       ARRAY(SELECT domain FROM account_email_domains d WHERE d.account_id = a.id ORDER BY 1) AS domains
     FROM accounts a WHERE name = $1`,
    [name],
  );
  expect(rows).toEqual([
    {
      individual: false,
      aliases: ['EX', 'Example, the'],
      reference: 'ref',
      networks: ['192.0.2.7/32', '2001:db8::/32'],
      domains: ['*.xn--bcher-kva.example', 'example.org'],
    },
  ]);
});

describe('A record that cannot be imported is refused alone, with its line and every reason', () => {
  it('for what it says', async () => {
    const good = person();
    const { counts, refused } = await importRecords(
      server,
      [
        '{"email": "not an email", "password_hash": "plain", "role": "root", "passwort": 1}',
        '{"type": "organisation"}',
        '{"id": "17", "email": "x@example.org", "created_at": "2015-02-30T00:00:00Z"}',
        '[]',
        'null',
        '{"email": ',
        JSON.stringify(good),
        '',
        '{"type": "user"}',
        '{"email": null, "name": "x"}',
        '{"name": "\\u0000", "email": 7, "networks": ["10.0.0.1/8"], "email_domains": {"a": 1}}',
      ].join('\n'),
    );
    expect(counts).toEqual({ records: 10, made: 1, changed: 0, unchanged: 0, refused: 9 });
    expect(refused).toEqual({
      1: {
        email: 'must be an email address',
        password_hash: expect.stringContaining('is not a hash of a kind that is known'),
        role: 'must be admin or user',
        passwort: 'is not a known field',
      },
      2: { name: 'is required for an organisation' },
      3: { id: 'must be a UUID or 24 hexadecimal characters', created_at: expect.stringContaining('must be a date') },
      4: { record: 'must be an object' },
      5: { record: 'must be an object' },
      6: { record: 'is not JSON' },
      9: { type: 'must be account or organisation or client or app_token or user_token or api_token' },
      10: { email: 'is required for a person' },
      11: {
        name: 'must be one line of text',
        email: 'must be a string',
        networks: 'entry 1 has host bits set: did you mean 10.0.0.0/8?',
        email_domains: 'must be a list, or a text of lines',
      },
    });
    expect(JSON.stringify(refused)).not.toContain('plain');
  });

  it('for an email that an account has in another spelling, also one of the same file', async () => {
    const account = await signUp(server);
    const mine = newEmail();
    const { refused } = await importRecords(server, [
      person({ id: randomUUID(), email: account.email.toUpperCase() }),
      person({ id: randomUUID(), email: mine }),
      person({ id: randomUUID(), email: `"${mine.replace('@', '"@')}` }),
      person({ email: account.email }),
    ]);
    expect(refused).toEqual({
      1: { email: 'is taken' },
      3: { email: 'is taken' },
      4: { email: 'belongs to an existing row that was not imported' },
    });
    expect(await rowOf(account.email)).toMatchObject({ imported_at: null });
  });

  it('for an email that its last owner may still take back', async () => {
    const { id, token, ...account } = await signUp(server);
    const change = { account: { email: newEmail(), password: account.password } };
    expect((await server.call('PUT', `/accounts/${id}`, change, bearer(token))).status).toBe(200);
    expect((await importRecords(server, [person({ email: account.email })])).refused).toEqual({
      1: { email: 'is taken' },
    });
  });

  it('for the id of an account that has been deleted', async () => {
    const { id } = await signUp(server);
    await database.query('DELETE FROM accounts WHERE id = $1', [id]);
    const { refused } = await importRecords(server, [person({ id })]);
    expect(refused).toEqual({ 1: { id: 'belonged to an account that has been deleted' } });
  });

  it('for its length, or for bytes that are no UTF-8', async () => {
    const long = JSON.stringify(person({ name: 'x'.repeat(2 ** 20) }));
    const bytes = Buffer.concat([
      Buffer.from(`${long}\n${JSON.stringify(person())}\n`),
      Buffer.from([0x7b, 0xff, 0x7d, 0x0a]),
      Buffer.from(JSON.stringify(person())),
    ]);
    const { counts, refused } = await importRecords(server, [], { bytes: chunksOf(bytes, 65_536) });
    expect(counts).toMatchObject({ made: 2, refused: 2 });
    expect(refused).toEqual({ 1: { record: 'is longer than 1 MiB' }, 3: { record: 'is not UTF-8' } });
  });
});

describe('Administrators', () => {
  it('are only made when the import is told to', async () => {
    const admin = person({ role: 'admin' });
    expect((await importRecords(server, [admin])).refused).toEqual({
      1: { role: expect.stringContaining('--admins') },
    });
    expect(await rowOf(admin.email)).toBeUndefined();
    expect((await importRecords(server, [admin], { admins: true })).counts).toMatchObject({ made: 1 });
    expect(await rowOf(admin.email)).toMatchObject({ role: 'admin' });
  });

  it('are not made of those whom an import has made, nor taken away', async () => {
    const [user, admin] = [person(), person({ role: 'admin' })];
    await importRecords(server, [user, admin], { admins: true });
    const again = [
      { ...user, role: 'admin' },
      { ...admin, name: `x ${randomUUID()}` },
    ];
    expect(Object.keys((await importRecords(server, again)).refused)).toEqual(['1', '2']);
    const lost = [
      { ...admin, role: 'user' },
      { ...admin, disabled: true },
    ];
    expect(Object.keys((await importRecords(server, lost, { admins: true })).refused)).toEqual(['1', '2']);
    expect([(await rowOf(user.email)).role, (await rowOf(admin.email)).role]).toEqual(['user', 'admin']);
  });
});

describe('An import of the same again', () => {
  it('changes nothing of what is the same', async () => {
    const records = [
      person({ id: randomUUID() }),
      person({ id: randomUUID().replaceAll('-', '').slice(0, 24) }),
      person(),
    ];
    await importRecords(server, records);
    const before = await Promise.all(records.map(({ email }) => rowOf(email)));
    const { counts } = await importRecords(server, records);
    expect(counts).toEqual({ records: 3, made: 0, changed: 0, unchanged: 3, refused: 0 });
    expect(await Promise.all(records.map(({ email }) => rowOf(email)))).toEqual(before);
  });

  it('brings what the old service has changed, and ends what was open with the old password', async () => {
    const one = person({ id: randomUUID() });
    await importRecords(server, [one]);
    const { token } = (await signIn(one.email)).body as { token: string };
    const now = { ...one, email: newEmail(), password_hash: hash('a newer password') };
    expect((await importRecords(server, [now])).counts).toMatchObject({ changed: 1 });
    expect((await server.call('GET', `/accounts/${one.id}`, undefined, bearer(token))).status).toBe(401);
    expect((await signIn(now.email)).status).toBe(401);
    expect((await signIn(now.email, 'a newer password')).status).toBe(200);
  });

  it('changes no account that no import has made', async () => {
    const { id, ...account } = await signUp(server);
    const before = await rowOf(account.email);
    const { refused } = await importRecords(server, [person({ id }), person({ id, email: account.email })]);
    expect(refused[1]).toEqual({ id: 'belongs to an existing row that was not imported' });
    expect(Object.keys(refused)).toEqual(['1', '2']);
    expect(await rowOf(account.email)).toEqual(before);
  });

  it('changes no account that was changed here since: what its holder did counts', async () => {
    const one = person({ id: randomUUID() });
    await importRecords(server, [one]);
    const { token } = (await signIn(one.email)).body as { token: string };
    const change = { account: { email: one.email, password: 'chosen here' } };
    expect((await server.call('PUT', `/accounts/${one.id}`, change, bearer(token))).status).toBe(200);
    const again = { ...one, password_hash: hash('a newer password') };
    expect((await importRecords(server, [again])).refused).toEqual({
      1: { id: 'has been changed here since it was imported' },
    });
    expect((await signIn(one.email, 'chosen here')).status).toBe(200);
  });

  it('leaves a hash that has become one of ours at a sign-in', async () => {
    const one = person({ id: randomUUID() });
    await importRecords(server, [one]);
    await signIn(one.email);
    const { password_hash } = await rowOf(one.email);
    await importRecords(server, [one]);
    expect((await rowOf(one.email)).password_hash).toBe(password_hash);
  });
});

describe('A dry run', () => {
  it('says what would come of it, also of what is twice in the file, and changes nothing', async () => {
    const one = person({ id: randomUUID() });
    const many = Array.from({ length: 700 }, () => person());
    const records = [
      one,
      ...many,
      { ...one, name: 'x' },
      person({ email: one.email, id: randomUUID() }),
      { email: 'x' },
    ];
    const before = await database.query('SELECT count(*) FROM accounts');
    const { counts, refused } = await importRecords(server, records, { isDryRun: true });
    expect(counts).toEqual({ records: 704, made: 701, changed: 1, unchanged: 0, refused: 2 });
    expect(Object.keys(refused)).toEqual(['703', '704']);
    expect(await database.query('SELECT count(*) FROM accounts')).toEqual(before);
    expect(await database.query('SELECT * FROM imports')).toEqual([]);
    expect((await importRecords(server, records)).counts).toEqual(counts);
  });
});

it('A CSV has columns in any order, quotes with line breaks in them, and empty fields for what is absent', async () => {
  const [one, other] = [newEmail(), newEmail()];
  const csv =
    `\uFEFFpassword_hash,email,name,email_verified,individual\r\n` +
    `${hash('an old password')},${one},"Fred ""F."" ${one}",t,\r\n` +
    `,${other},"two\nlines",f,t\n` +
    `,${other},,f,t\n` +
    `too,few\n` +
    `"quo"te,${other},,f,t`;
  const { counts, refused } = await importRecords(server, csv, { format: 'csv' });
  expect(counts).toEqual({ records: 5, made: 2, changed: 0, unchanged: 0, refused: 3 });
  expect(refused).toEqual({
    3: { name: 'must be one line of text' },
    6: { record: 'has 2 fields, not 5' },
    7: { record: 'has a misplaced quote (RFC 4180)' },
  });
  expect(await rowOf(one)).toMatchObject({
    name: `Fred "F." ${one}`,
    individual: true,
    email_verified_at: expect.any(Date),
  });
  expect((await signIn(one)).status).toBe(200);
});

it('An array of JSON is no NDJSON, and is told so', async () => {
  const array = `\n ${JSON.stringify([person()])}`;
  await expect(importRecords(server, array)).rejects.toThrow('The file is an array of JSON.');
});

it('A CSV in which somebody has written an inch loses no row but that one', async () => {
  const rows = Array.from({ length: 600 }, () => `${newEmail()},`);
  const csv = ['email,publisher_reference', ...rows.slice(0, 5), 'x@example.org,5" Disk', 'y@example.org,"5 Disk']
    .concat(rows.slice(5))
    .join('\n');
  const { counts, refused } = await importRecords(server, csv, { format: 'csv' });
  expect([counts.made, Object.keys(refused)]).toEqual([600, ['7', '8']]);
});

it('A CSV without names of columns is no import', async () => {
  await expect(importRecords(server, 'email,email\nx,y', { format: 'csv' })).rejects.toThrow(
    'the names of its columns',
  );
});

it('Twenty imports of the same at once make each account once', async () => {
  const records = Array.from({ length: 30 }, () => person({ id: randomUUID() }));
  const runs = await Promise.all(Array.from({ length: 20 }, () => importRecords(server, records)));
  const sum = (name: 'made' | 'unchanged' | 'refused') => runs.reduce((total, { counts }) => total + counts[name], 0);
  expect([sum('made'), sum('made') + sum('unchanged') + sum('refused')]).toEqual([30, 600]);
  for (const { email } of records) expect(await rowOf(email)).toBeDefined();
});

describe('The audit log has what an import did', () => {
  const eventsOf = async (subject: string) => {
    const rows = await database.query<{ kind: string; details: object; email: string | null }>(
      `SELECT kind, details, email FROM audit_events e LEFT JOIN audit_emails m ON m.event_id = e.id
       WHERE subject = $1 AND NOT kind LIKE 'sign_in%' ORDER BY e.at, kind`,
      [subject],
    );
    return rows.map(({ kind, details, email }) => [kind, details, ...(email === null ? [] : [email])]);
  };

  it('with its begin, its end, and each time that it went on', async () => {
    const records = Array.from({ length: 700 }, () => person({ password_hash: undefined }));
    const name = `/exports/${randomUUID()}`;
    const stopped = async function* () {
      for await (const chunk of chunksOf(Buffer.from(records.map((one) => JSON.stringify(one)).join('\n')))) {
        const [row] = await database.query('SELECT FROM imports WHERE source = $1 AND position > 0', [name]);
        if (row) throw new Error('The disk is gone.');
        yield chunk;
      }
    };
    await expect(importRecords(server, [], { name, bytes: stopped() })).rejects.toThrow('The disk is gone.');
    const [row] = await database.query<{ id: string; report: string }>('SELECT * FROM imports WHERE source = $1', [
      name,
    ]);
    const { id, report } = row ?? { id: '', report: '' };
    await importRecords(server, [...records, { email: 'x' }], { name, report, admins: true });
    expect(await eventsOf(id)).toEqual([
      ['import.started', { admins: false, records: 0 }],
      ['import.started', { admins: true, records: 500 }],
      ['import.finished', { records: 701, made: 700, changed: 0, unchanged: 0, refused: 1 }],
    ]);
  });

  it('with everybody that it made, administrators above all', async () => {
    const [user, admin] = [person({ id: randomUUID() }), person({ id: randomUUID(), role: 'admin' })];
    await importRecords(server, [user, admin, { email: 'x' }], { admins: true });
    const made = (role: string) => [['account.created', { by: 'import', role, individual: true }]];
    expect([await eventsOf(user.id), await eventsOf(admin.id)]).toEqual([made('user'), made('admin')]);
  });

  it('with every change, as if somebody had made it by hand', async () => {
    const one = person({ id: randomUUID() });
    const by = 'import';
    const steps: [object, [string, object, string?][]][] = [
      [{ email: `new-${one.email}` }, [['account.email_changed', { by }, `new-${one.email}`]]],
      [{ password_hash: hash('another password') }, [['account.credentials_changed', { by }]]],
      [{ disabled: true }, [['account.disabled', { by }]]],
      [{ disabled: false }, [['account.enabled', { by }]]],
      [{ role: 'admin' }, [['account.role_changed', { by, role: 'admin' }]]],
      [{ publisher_reference: 'x' }, [['account.changed', { by, fields: ['publisher_reference'] }]]],
    ];
    await importRecords(server, [one]);
    const expected: unknown[] = await eventsOf(one.id);
    let record: object = one;
    for (const [change, events] of steps) {
      record = { ...record, ...change };
      expect((await importRecords(server, [record], { admins: true })).refused).toEqual({});
      expected.push(...events);
      expect(await eventsOf(one.id)).toEqual(expected);
    }
  });

  it('and nothing of a dry run', async () => {
    const count = () => database.query('SELECT count(*) FROM audit_events');
    const before = await count();
    await importRecords(server, [person()], { isDryRun: true });
    expect(await count()).toEqual(before);
  });
});
