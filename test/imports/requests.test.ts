import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import bcrypt from 'bcrypt';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { claimsOf, newEmail, signUp, startServer, type Answer, type TestServer } from '../support/server.js';
import { oboToken, signedInAdmin, signedInUser, tokenHeaders, type User } from '../support/tokens.js';

const PATH = '/api/v1/accounts/import';

let database: TestDatabase;
let server: TestServer;
let replica: TestServer;
let admin: User;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection, { reauthenticateAfter: 900 });
  replica = await startServer(database.connection, { reauthenticateAfter: 900 });
  admin = await signedInAdmin(server);
});

afterAll(async () => {
  await replica.close();
  await server.close();
  await database.drop();
});

interface ImportBody {
  records: number;
  made: number;
  changed: number;
  unchanged: number;
  refused: number;
  results: { line: number; result: string; id?: string; errors?: Record<string, string> }[];
}

const send = async (body: unknown, headers: Record<string, string> = admin.headers, at = server) => {
  const answer = await at.call('POST', PATH, body, headers);
  return { ...answer, body: answer.body as ImportBody };
};
const hash = (password: string) => bcrypt.hashSync(password, 4).replace('$2b$', '$2y$');
function person(): { email: string };
function person<More extends object>(more: More): { email: string } & More;
function person(more: object = {}) {
  return { email: newEmail(), ...more };
}
const errorsOf = ({ body }: { body: ImportBody }) => body.results.map(({ errors }) => errors);
const count = async (condition = 'true') =>
  (await database.query<{ count: number }>(`SELECT count(*)::int AS count FROM accounts WHERE ${condition}`))[0]?.count;

describe('A batch', () => {
  it('makes accounts with their ids and passwords, and says of each line what has come of it', async () => {
    const legacyId = randomBytes(12).toString('hex');
    const one = person({ id: legacyId, password_hash: hash('an old password'), email_verified: true });
    const organisation = {
      type: 'organisation',
      id: randomUUID(),
      name: `Moved ${randomUUID()}`,
      networks: '8.8.4.0/24',
    };
    const { email: taken } = await signUp(server);
    const { status, body } = await send({ records: [one, organisation, { email: taken }, { email: 'none' }, 5, null] });
    expect([status, body]).toEqual([
      200,
      {
        records: 6,
        made: 2,
        changed: 0,
        unchanged: 0,
        refused: 4,
        results: [
          { line: 1, result: 'made', id: expect.any(String) },
          { line: 2, result: 'made', id: organisation.id },
          { line: 3, result: 'refused', errors: { email: expect.stringContaining('was not imported') } },
          { line: 4, result: 'refused', errors: { email: 'must be an email address' } },
          { line: 5, result: 'refused', errors: { record: 'must be an object' } },
          { line: 6, result: 'refused', errors: { record: 'must be an object' } },
        ],
      },
    ]);
    const signedIn = await server.call('POST', '/account/session', {
      account: { email: one.email, password: 'an old password' },
    });
    expect(claimsOf((signedIn.body as { token: string }).token).data.id).toBe(body.results[0]?.id);
    const shown = await server.call('GET', `/api/v1/accounts/${legacyId}`, undefined, admin.headers);
    expect(shown.body).toMatchObject({ id: body.results[0]?.id, legacy_id: legacyId, email: one.email });
    const mails = await database.query('SELECT id FROM outgoing_mails WHERE recipient = $1', [one.email]);
    expect(mails).toEqual([]);
  });

  it('changes nothing the second time, and what it says otherwise where an import has made it', async () => {
    const one = person({ id: randomUUID(), name: `Fred ${randomUUID()}` });
    await send({ records: [one] });
    expect((await send({ records: [one] })).body).toMatchObject({ unchanged: 1, made: 0 });
    const other = { ...one, name: `Fred ${randomUUID()}` };
    expect((await send({ records: [other] })).body.results).toEqual([{ line: 1, result: 'changed', id: one.id }]);
    expect(await database.query('SELECT name FROM accounts WHERE id = $1', [one.id])).toEqual([{ name: other.name }]);
    const { id, email } = await signUp(server);
    expect(errorsOf(await send({ records: [{ id, email: newEmail() }] }))).toEqual([
      { id: expect.stringContaining('was not imported') },
    ]);
    expect(await database.query('SELECT email FROM accounts WHERE id = $1', [id])).toEqual([{ email }]);
  });

  it('refuses hashes that cost too much, and fields that nobody knows, as the command does', async () => {
    const costly = `$2b$20$${'a'.repeat(22)}${'b'.repeat(31)}`;
    const answer = await send({ records: [person({ password_hash: costly }), person({ pasword: 'x' })] });
    expect(errorsOf(answer)).toEqual([
      { password_hash: expect.stringContaining('times as long to check as ours') },
      { pasword: 'is not a known field' },
    ]);
    expect(JSON.stringify(answer.body)).not.toContain(costly);
  });

  it.each(['client', 'app_token', 'user_token', 'api_token', 'nonsense', 5, { a: 1 }])(
    'takes no record of the type %j: a secret of one’s choice would act for somebody',
    async (type) => {
      const record = { type, account: admin.id, token: 'a token that I have chosen myself', id: randomUUID() };
      expect(errorsOf(await send({ records: [record] }))).toEqual([{ type: 'must be account or organisation' }]);
      expect(await database.query('SELECT id FROM tokens WHERE id = $1', [record.id])).toEqual([]);
    },
  );

  it('takes 1,000 records, and no more', async () => {
    const records = Array.from({ length: 1_000 }, (_, index) =>
      person({
        id: randomUUID(),
        password_hash: hash('x'.repeat((index % 3) + 1)),
        name: `Crowd ${index} ${randomUUID()}`,
        networks: [`9.${Math.floor(index / 250)}.${index % 250}.0/24`],
        email_domains: [],
        created_at: '2020-01-01T00:00:00Z',
        disabled: false,
        publisher_reference: `ref ${index}`,
      }),
    );
    const answer = await send({ records });
    expect([answer.status, answer.body.made, answer.body.refused]).toEqual([200, 1_000, 0]);
    expect(answer.body.results.map(({ line }) => line)).toEqual(records.map((_, index) => index + 1));
    const tooMany = await send({ records: Array(1_001).fill({ email: 'x' }) });
    expect([tooMany.status, tooMany.body]).toEqual([
      400,
      { errors: { records: 'must be a list of 1 to 1000 records' } },
    ]);
    const missing = await send({});
    expect([missing.status, missing.body]).toEqual([400, { errors: { records: 'is required' } }]);
  });

  it('is described', () => {
    expect([...server.answers.undescribed(), ...replica.answers.undescribed()]).toEqual([]);
  });
});

describe('What is no batch is refused', () => {
  it.each([
    ['nothing', {}],
    ['no list', { records: {} }],
    ['null', { records: null }],
    ['a text', { records: 'a' }],
    ['an empty list', { records: [] }],
    ['a list of lists too deep', { records: JSON.parse(`${'['.repeat(40)}${']'.repeat(40)}`) }],
    ['admins as a text', { records: [person()], admins: 'true' }],
    ['an unknown field', { records: [person()], admin: true }],
  ])('%s', async (_, body) => {
    expect((await send(body)).status).toBe(400);
  });

  it('and so is one that is too large', async () => {
    expect((await send({ records: [person({ name: 'x'.repeat(1_100_000) })] })).status).toBe(413);
    const parts = await send({ records: [person({ networks: Array(30_000).fill('a') })] });
    expect([parts.status, JSON.stringify(parts.body)]).toEqual([400, expect.stringContaining('too many fields')]);
  });
});

describe('Only admins import', () => {
  it('others are 403, and 401 without a Token; nothing is made', async () => {
    const user = await signedInUser(server);
    const record = person();
    expect((await send({ records: [record] }, user.headers)).status).toBe(403);
    expect((await send({ records: [record] }, { 'app-token': user.appToken })).status).toBe(401);
    expect(await count(`email = '${record.email}'`)).toBe(0);
  });

  it('administrators are made with `admins` only, and then the password may be asked for again', async () => {
    const own = await signedInAdmin(server);
    const record = person({ role: 'admin' });
    const without = await send({ records: [record] }, own.headers);
    expect(errorsOf(without)).toEqual([{ role: expect.stringContaining('`admins`') }]);
    await database.query(`UPDATE tokens SET created_at = now() - interval '1 hour' WHERE account_id = $1`, [own.id]);
    const late = await send({ records: [record], admins: true }, own.headers);
    expect([late.status, JSON.stringify(late.body)]).toEqual([403, expect.stringContaining('current_password')]);
    const good = await send({ records: [record], admins: true, current_password: own.password }, own.headers);
    expect(good.body).toMatchObject({ made: 1 });
    expect(await count(`email = '${record.email}' AND role = 'admin'`)).toBe(1);
    // What makes no administrator needs no password.
    expect((await send({ records: [person()] }, own.headers)).status).toBe(200);
  });

  it('administrators are not made on behalf of another', async () => {
    const [asker, other] = [await signedInAdmin(server), await signedInAdmin(server)];
    const acting = tokenHeaders(asker.appToken, await oboToken(server, asker, other.id));
    expect((await send({ records: [person({ role: 'admin' })], admins: true }, acting)).status).toBe(403);
  });

  it('nothing is made by an admin who is disabled before it is stored', async () => {
    const own = await signedInAdmin(server);
    const record = person();
    const lock = await database.hold(`SELECT 1 FROM accounts WHERE id = '${own.id}' FOR UPDATE`);
    const sent = send({ records: [record] }, own.headers);
    await waitingFor(1);
    await lock.end();
    const disabling = server.call('PATCH', `/api/v1/accounts/${own.id}`, { disabled: true }, admin.headers);
    const [first] = await Promise.all([sent, disabling]);
    // Whichever of them is first: it is made by an admin who may, or not at all.
    expect([await count(`email = '${record.email}'`), first.status]).toEqual(
      first.status === 200 ? [1, 200] : [0, 401],
    );
  });

  const waitingFor = async (least: number) => {
    for (let tries = 0; tries < 500; tries += 1) {
      const rows = await database.query(
        `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      if (rows.length >= least) return;
      await new Promise((done) => setTimeout(done, 10));
    }
    throw new Error('Nobody waits for a lock.');
  };
});

describe('At once', () => {
  it('the same records on two servers make one of each', async () => {
    const records = Array.from({ length: 50 }, () => person({ id: randomUUID() }));
    records.push({ type: 'organisation', name: `Only a name ${randomUUID()}` } as never);
    const answers = await Promise.all([
      send({ records }),
      send({ records }, admin.headers, replica),
      send({ records: [...records].reverse() }),
      send({ records: [...records].reverse() }, admin.headers, replica),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const sum = (key: 'made' | 'unchanged' | 'refused') => answers.reduce((all, { body }) => all + body[key], 0);
    expect(sum('made')).toBe(51);
    expect(sum('made') + sum('unchanged') + sum('refused')).toBe(4 * 51);
    const emails = records.flatMap(({ email }) => (email ? [email] : []));
    const rows = await database.query('SELECT id FROM accounts WHERE email = ANY ($1)', [emails]);
    expect(rows).toHaveLength(50);
  });

  it('many wait for one another, and those that would wait too long are 503 with Retry-After', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => send({ records: [person()] })));
    const statuses = new Set(answers.map(({ status }) => status));
    expect([...statuses].sort()).toEqual([200, 503]);
    for (const { status, headers } of answers) expect(headers.has('retry-after')).toBe(status === 503);
    expect((await send({ records: [person()] })).status).toBe(200);
  });
});

describe('Idempotency-Key', () => {
  const keyed = (key: string) => ({ ...admin.headers, 'idempotency-key': key });
  const isReplay = ({ headers }: Pick<Answer, 'headers'>) => headers.get('idempotent-replayed') === 'true';

  it('gives the same answer again, and another batch with it is 409', async () => {
    const [key, records] = [randomUUID(), [person(), { email: 'none' }]];
    const first = await send({ records }, keyed(key));
    const again = await send({ records }, keyed(key), replica);
    expect([again.status, again.body, isReplay(again)]).toEqual([200, first.body, true]);
    expect((await send({ records: [person()] }, keyed(key))).status).toBe(409);
  });

  it('of two at once with the same key, one is carried out', async () => {
    const [key, records] = [randomUUID(), [person(), person()]];
    const answers = await Promise.all([send({ records }, keyed(key)), send({ records }, keyed(key), replica)]);
    const carried = answers.filter((answer) => answer.status === 200 && !isReplay(answer));
    expect(carried).toHaveLength(1);
    expect(carried[0]?.body.made).toBe(2);
  });
});

it('An event says who has imported how many', async () => {
  await send({ records: [person(), { email: 'none' }] });
  const events = await database.query(
    `SELECT actor_id, details FROM audit_events WHERE kind = 'import.finished' ORDER BY at DESC LIMIT 1`,
  );
  expect(events).toEqual([
    { actor_id: admin.id, details: { records: 2, made: 1, changed: 0, unchanged: 0, refused: 1 } },
  ]);
});

it('What is refused is refused alone, and nothing of a batch stays that cannot be stored', async () => {
  const before = await count();
  await database.query(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'XX000'; END $$`);
  await database.query(`
    CREATE TRIGGER refuse BEFORE INSERT ON audit_events FOR EACH ROW WHEN (NEW.kind = 'import.finished') EXECUTE FUNCTION refuse()`);
  try {
    expect((await send({ records: [person(), person()] })).status).toBe(500);
    expect(await count()).toBe(before);
  } finally {
    await database.query('DROP TRIGGER refuse ON audit_events');
    await database.query('DROP FUNCTION refuse');
  }
});
