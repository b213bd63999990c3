import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDatabase, type TestDatabase } from './support/database.js';
import { waiting, whileLocked } from './support/locks.js';
import { bearer, signUp, startServer, type TestServer } from './support/server.js';
import { signedInAdmin, type User } from './support/tokens.js';

let database: TestDatabase;
let server: TestServer;
let admin: User;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection);
  admin = await signedInAdmin(server);
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

const show = (token: string) => server.call('GET', '/account', undefined, bearer(token));
const change = (token: string, body: unknown) => server.call('PATCH', '/account', body, bearer(token));
const to = (locale: unknown) => ({ account: { locale } });

interface Row {
  locale: string | null;
  email: string;
  epoch: number;
}

async function rowOf(id: string): Promise<Row | undefined> {
  const [row] = await database.query<Row>(
    'SELECT locale, email, credential_epoch AS epoch FROM accounts WHERE id = $1',
    [id],
  );
  return row;
}

describe('A holder', () => {
  it('sees the account of the session with the language of its mails', async () => {
    const { id, email, token } = await signUp(server);
    expect(await show(token)).toMatchObject({ status: 200, body: { data: { id, email, locale: null } } });
    const imported = 'f'.repeat(24);
    await database.query('UPDATE accounts SET legacy_id = $2 WHERE id = $1', [id, imported]);
    expect((await show(token)).body).toEqual({ data: { id, email, locale: null, legacy_id: imported } });
  });

  it('changes that language, to none too, and nothing else', async () => {
    const { id, email, token } = await signUp(server);
    const before = await rowOf(id);
    for (const [locale, stored] of [
      ['DE-ch', 'de-CH'],
      ['ja', 'ja'],
      // There are no texts in Italian: mails are in English until there are.
      ['it', 'it'],
      [null, null],
    ]) {
      const { status, body } = await change(token, to(locale));
      expect([status, body]).toEqual([200, { data: { id, email, locale: stored } }]);
      expect(await rowOf(id)).toEqual({ ...before, locale: stored });
      expect((await show(token)).body).toEqual(body);
    }
  });

  it.each<[locale: unknown, problem: string]>([
    [undefined, 'is required'],
    [5, 'must be a string'],
    [['de'], 'must be a string'],
    ['', 'must be a language tag, such as de or pt-BR'],
    ['de_CH', 'must be a language tag, such as de or pt-BR'],
    ['*', 'must be a language tag, such as de or pt-BR'],
    ['de-'.padEnd(40, 'x'), 'must be a language tag, such as de or pt-BR'],
  ])('is told what is wrong with %j', async (locale, problem) => {
    const { id, token } = await signUp(server);
    await change(token, to('de'));
    const { status, body } = await change(token, to(locale));
    expect([status, body.errors]).toEqual([422, { locale: [problem] }]);
    expect((await rowOf(id))?.locale).toBe('de');
  });

  it.each<[body: unknown, status: number, errors: object]>([
    [{}, 400, { account: ['is required'] }],
    [undefined, 400, { account: ['is required'] }],
    [{ account: null }, 422, { account: ['is required'] }],
    [{ account: 'de' }, 422, { account: ['must be an object'] }],
    [
      { account: { locale: 'de', email: 'a@example.org' } },
      422,
      { 'account.email': ['Unknown field: account.email.'] },
    ],
  ])('is told what is wrong with the body %j', async (body, status, errors) => {
    const { id, token } = await signUp(server);
    const answer = await change(token, body);
    expect([answer.status, answer.body.errors]).toEqual([status, errors]);
    expect((await rowOf(id))?.locale).toBeNull();
  });

  it('who changes it twice at once has changed it twice: one of both is there', async () => {
    const { id, token } = await signUp(server);
    const answers = await Promise.all(['de', 'fr'].map((locale) => change(token, to(locale))));
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(['de', 'fr']).toContain((await rowOf(id))?.locale);
    const events = await database.query(
      `SELECT 1 FROM audit_events WHERE kind = 'account.changed' AND subject = $1::text AND actor_id = $1::uuid`,
      [id],
    );
    expect(events).toHaveLength(2);
  });

  it('whose account is disabled while the change waits gets 401, and has changed nothing', async () => {
    const { id, token } = await signUp(server);
    const disable = 'UPDATE accounts SET disabled_at = now(), credential_epoch = credential_epoch + 1 WHERE id = $1';
    const { asking } = await whileLocked(database, disable, [id], async () => {
      const asking = change(token, to('de'));
      await waiting(database, 1);
      return { asking };
    });
    expect((await asking).status).toBe(401);
    expect((await rowOf(id))?.locale).toBeNull();
  });

  it('needs a session: tokens, clients and nobody have no account here', async () => {
    for (const headers of [{}, admin.headers, bearer('x')]) {
      for (const [method, body] of [
        ['GET', undefined],
        ['PATCH', to('de')],
      ] as const) {
        expect((await server.call(method, '/account', body, headers)).status).toBe(401);
      }
    }
  });

  it('gets answers that are described', () => {
    expect(server.answers.undescribed()).toEqual([]);
  });
});
