import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { waiting } from '../support/locks.js';
import { newClient } from '../support/oauth.js';
import { bearer, signUp, startServer, type Answer } from '../support/server.js';
import { changeAccount } from '../support/tokens.js';
import {
  ABSENT,
  competitor,
  database,
  expectPage,
  identificationIn,
  look,
  newInstitution,
  newPage,
  publisher,
  server,
  show,
  submit,
  URL_OF_CLIENT,
  withPublishers,
} from '../support/wayf-page.js';

withPublishers();

const VISITOR = { ip: '198.51.100.7', user_agent: 'Browser/1' };

interface SignedIn {
  accountId: string;
  email: string;
  token: string;
  /** Where the browser was sent. */
  location: string;
  /** The identification in there. */
  result: string;
}

/** Signs up, and signs in on the page. */
async function signInThere(url = URL_OF_CLIENT): Promise<SignedIn> {
  const { id: accountId, email, token } = await signUp(server);
  const { headers } = await submit(await newPage(url), { email });
  const location = headers.get('location') ?? '';
  return { accountId, email, token, location, result: /identification=([0-9a-f-]{36})/.exec(location)?.[1] ?? '' };
}

/** What published clients do with a visitor who comes back: they ask again, with the URL as it is now. */
const comeBack = (url: string, visitor: object = {}, client = publisher, at = server) =>
  at.call('POST', '/api/identifications', { ...VISITOR, ...visitor, url }, client);

const idOf = ({ body }: Answer) => body.id as string;

function expectStranger(answer: Answer, result: string): void {
  expect([answer.status, answer.body.status, answer.body.account]).toEqual([201, 'wayf', null]);
  expect(answer.body.id).not.toBe(result);
}

async function rowOf(id: string) {
  const [row] = await database.query('SELECT *, host(ip) AS ip FROM identifications WHERE id = $1', [id]);
  return row;
}

/** The audit events about coming back of an account. */
async function eventsOf(accountId: string): Promise<[outcome: string, identification: unknown][]> {
  const rows = await database.query<{ outcome: string; details: { identification?: string } }>(
    `SELECT outcome, details FROM audit_events WHERE kind = 'identification.returned' AND subject = $1 ORDER BY at, id`,
    [accountId],
  );
  return rows.map(({ outcome, details }) => [outcome, details.identification]);
}

describe('Whoever comes back from the WAYF page', () => {
  it('is identified by the URL that they came back to, as the account that signed in, bound to what the client tells', async () => {
    const { accountId, email, location, result } = await signInThere();
    expect(await rowOf(result)).toMatchObject({ returned_at: null, return_to: URL_OF_CLIENT, user_agent: '' });
    const answer = await comeBack(location);
    expect(answer).toMatchObject({
      status: 201,
      body: { id: result, status: 'identified', ...VISITOR, email, url: URL_OF_CLIENT },
    });
    expect(answer.body.account).toMatchObject({ id: accountId, type: 'individual' });
    expect(answer.body.account_individual).toMatchObject({ id: accountId, individual: { display_name: email } });
    expect(await rowOf(result)).toMatchObject({ ...VISITOR, returned_at: expect.any(Date), account_id: accountId });
    expect((await look(result)).body).toEqual(answer.body);
    expect(await eventsOf(accountId)).toEqual([['success', result]]);
  });

  it('gets the same identification again: a reload, or an answer that was lost', async () => {
    const { accountId, location, result } = await signInThere();
    const first = await comeBack(location);
    const { returned_at } = (await rowOf(result)) ?? {};
    for (let again = 0; again < 3; again += 1) expect((await comeBack(location)).body).toEqual(first.body);
    expect((await rowOf(result))?.returned_at).toEqual(returned_at);
    expect(await eventsOf(accountId)).toEqual([['success', result]]);
  });

  it.each([
    ['another address', { ip: '198.51.100.8' }],
    ['an address of IPv6', { ip: '2001:db8::7' }],
    ['another user agent', { user_agent: 'Browser/2' }],
    ['no user agent', { user_agent: '' }],
    ['the same user agent in other letters', { user_agent: 'browser/1' }],
  ])('is not whoever uses the URL a second time, from %s', async (_, elsewhere) => {
    const { accountId, location, result } = await signInThere();
    expect(idOf(await comeBack(location))).toBe(result);
    expectStranger(await comeBack(location, elsewhere), result);
    expect(await rowOf(result)).toMatchObject(VISITOR);
    expect(idOf(await comeBack(location))).toBe(result);
    expect((await eventsOf(accountId))[0]).toEqual(['success', result]);
  });

  it('is told apart in the audit log from whoever else shows the URL', async () => {
    const { accountId, location, result } = await signInThere();
    await comeBack(location, {}, publisher);
    const from = { ...publisher, 'x-forwarded-for': '203.0.113.77' };
    await comeBack(location, { ip: '198.51.100.8' }, from);
    expect(await eventsOf(accountId)).toEqual([
      ['success', result],
      ['refused', result],
    ]);
  });

  it('may be at an address of which the page knew another spelling, or another address', async () => {
    const { location, result } = await signInThere();
    expect(idOf(await comeBack(location, { ip: '::ffff:198.51.100.7' }))).toBe(result);
    expect(idOf(await comeBack(location))).toBe(result);
  });

  it('is found by the client that sent them off, and by no other', async () => {
    const { accountId, location, result } = await signInThere();
    expectStranger(await comeBack(location, {}, competitor), result);
    expect((await rowOf(result))?.returned_at).toBeNull();
    expect(await eventsOf(accountId)).toEqual([]);
    expect(idOf(await comeBack(location))).toBe(result);
  });

  it.each([
    ['another host', (url: string) => url.replace('publisher', 'attacker')],
    ['a host below', (url: string) => url.replace('publisher', 'www.publisher')],
    ['another port', (url: string) => url.replace('.example/', '.example:8443/')],
    ['another scheme', (url: string) => url.replace('https', 'http')],
    ['another path', (url: string) => url.replace('/read', '/Read')],
    ['a slash more', (url: string) => url.replace('/read', '/read/')],
    ['another parameter', (url: string) => `${url}&b=1`],
    ['another value', (url: string) => url.replace('a=1', 'a=2')],
    ['no parameter', (url: string) => url.replace('a=1&', '')],
    ['an identification more', (url: string) => `${url}&identification=${randomUUID()}`],
    ['the same identification twice', (url: string) => url.replace('?', `?${url.split('&')[1] ?? ''}&`)],
    ['no identification', (url: string) => url.replace(/&identification=.*/, '')],
    ['a relative reference', (url: string) => url.replace('https://publisher.example', '')],
  ])('is not identified by a URL with %s', async (_, change) => {
    const { location, result } = await signInThere(`${URL_OF_CLIENT}?a=1`);
    expectStranger(await comeBack(change(location)), result);
    expect((await rowOf(result))?.returned_at).toBeNull();
    expect(idOf(await comeBack(location))).toBe(result);
  });

  it.each([
    ['https://publisher.example/read?q=a%20b', (url: string) => url.replace('%20', '+')],
    ['https://publisher.example/read?q=caf%c3%a9', (url: string) => url.replace('%c3%a9', 'é')],
    ['https://publisher.example/%7Euser?q=1', (url: string) => url.replace('%7E', '~')],
    ['https://publisher.example/caf%C3%A9', (url: string) => url.replace('%C3%A9', '%c3%a9')],
    ['https://publisher.example/read?a&b=&c=1', (url: string) => url.replace('?a&', '?a=&')],
    ['https://publisher.example', (url: string) => url.replace('.example/', '.example:443/')],
    ['https://publisher.example/read', (url: string) => url.replace('publisher', 'PUBLISHER')],
    ['https://publisher.example/read#part', (url: string) => url.replace('#part', '')],
    ['https://publisher.example/read', (url: string) => url.replace('identification', '%69dentification')],
    [
      'https://publisher.example/read',
      (url: string) =>
        url.replace(/identification=.*/, (pair) => pair.toUpperCase().replace('IDENTIFICATION', 'identification')),
    ],
    [`https://publisher.example/read?identification=${ABSENT}&a=1`, (url: string) => url],
  ])('is identified where a framework has spelled %s otherwise', async (url, spell) => {
    const { location, result } = await signInThere(url);
    expect(idOf(await comeBack(spell(location)))).toBe(result);
  });

  it('has signed in on the page: the id that the page was opened with, and others, identify nobody', async () => {
    const { email } = await signUp(server);
    const opened = await newPage();
    const result = identificationIn(await submit(opened, { email }));
    const byEmail = idOf(await comeBack(URL_OF_CLIENT, { email }));
    expect((await look(byEmail)).body.status).toBe('identified');
    for (const id of [opened, byEmail, randomUUID(), 'nonsense', '']) {
      expectStranger(await comeBack(`${URL_OF_CLIENT}?identification=${id}`), result);
    }
  });

  it('is identified as always where a result of the page is not good for them: by address and email', async () => {
    const { location, result } = await signInThere();
    await comeBack(location);
    const institution = await newInstitution({ domains: ['elsewhere.example'] });
    const { body } = await comeBack(location, { ip: '198.51.100.8', email: 'a@elsewhere.example' });
    expect(body).toMatchObject({ status: 'identified', account: { id: institution.id } });
    expect(body.id).not.toBe(result);
  });

  it('has WAYF_RETURN_TTL for it, whether they have come back before or not', async () => {
    expect(server.config.wayfReturnTtl).toBe(600);
    const age = (id: string, seconds: number) =>
      database.query(`UPDATE identifications SET created_at = now() - $2 * interval '1 second' WHERE id = $1`, [
        id,
        seconds,
      ]);
    const { accountId, location, result } = await signInThere();
    await age(result, 590);
    expect(idOf(await comeBack(location))).toBe(result);
    await age(result, 600);
    expectStranger(await comeBack(location), result);
    const other = await signInThere();
    await age(other.result, 600);
    expectStranger(await comeBack(other.location), other.result);
    // It stays what it is for the client that looks it up.
    expect((await look(other.result)).body).toMatchObject({ status: 'identified', account: { id: other.accountId } });
    expect(await eventsOf(accountId)).toEqual([['success', result]]);
  });

  it('is nobody when the result itself has expired', async () => {
    const { location, result } = await signInThere();
    await database.query('UPDATE identifications SET expires_at = now() WHERE id = $1', [result]);
    expectStranger(await comeBack(location), result);
  });

  it('is one of twenty who show the URL at once from twenty places, on two servers', async () => {
    const other = await startServer(database.connection, { publicUrl: server.config.publicUrl });
    try {
      for (let round = 0; round < 3; round += 1) {
        const { accountId, location, result } = await signInThere();
        const answers = await Promise.all(
          Array.from({ length: 20 }, (_, index) =>
            comeBack(location, { ip: `198.51.100.${index}` }, publisher, index % 2 === 0 ? server : other),
          ),
        );
        expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(201));
        const identified = answers.filter(({ body }) => body.status === 'identified');
        expect(identified.map(idOf)).toEqual([result]);
        expect((await rowOf(result))?.ip).toBe(identified[0]?.body.ip);
        expect((await eventsOf(accountId)).filter(([outcome]) => outcome === 'success')).toHaveLength(1);
      }
    } finally {
      await other.close();
    }
  });

  it('gets one identification from twenty requests at once', async () => {
    const { accountId, location, result } = await signInThere();
    const answers = await Promise.all(Array.from({ length: 20 }, () => comeBack(location)));
    expect(new Set(answers.map(idOf))).toEqual(new Set([result]));
    expect(await eventsOf(accountId)).toEqual([['success', result]]);
  });

  it.each([
    ['has been disabled', 'UPDATE accounts SET disabled_at = now() WHERE id = $1'],
    ['has changed its credentials', 'UPDATE accounts SET credential_epoch = credential_epoch + 1 WHERE id = $1'],
    ['has been deleted', 'DELETE FROM accounts WHERE id = $1'],
  ])('is nobody when the account %s since, before they come back or after', async (_, statement) => {
    const [early, late] = [await signInThere(), await signInThere()];
    await comeBack(late.location);
    for (const { accountId, location, result } of [early, late]) {
      await changeAccount(server, accountId, statement);
      expectStranger(await comeBack(location), result);
    }
  });

  it('is nobody when the account has signed out everywhere since', async () => {
    const { token, location, result } = await signInThere();
    expect((await server.call('DELETE', '/account/session', undefined, bearer(token))).status).toBe(200);
    expectStranger(await comeBack(location), result);
  });

  it('waits for a revocation that is under way, and is nobody then', async () => {
    const { accountId, location, result } = await signInThere();
    const other = new pg.Client(database.connection);
    await other.connect();
    try {
      await other.query('BEGIN');
      await other.query('UPDATE accounts SET credential_epoch = credential_epoch + 1 WHERE id = $1', [accountId]);
      const back = comeBack(location);
      await waiting(database, 1);
      await other.query('COMMIT');
      expectStranger(await back, result);
    } finally {
      await other.end();
    }
    expect((await rowOf(result))?.returned_at).toBeNull();
  });

  it('is bound to nothing by a client that is deleted at that moment', async () => {
    const leaving = await newClient(server);
    const page = idOf(await comeBack(URL_OF_CLIENT, {}, leaving.basic));
    const { email } = await signUp(server);
    const result = identificationIn(await submit(page, { email }));
    const other = new pg.Client(database.connection);
    await other.connect();
    try {
      await other.query('BEGIN');
      await other.query('SELECT 1 FROM identifications WHERE id = $1 FOR UPDATE', [result]);
      const back = comeBack(`${URL_OF_CLIENT}?identification=${result}`, {}, leaving.basic);
      await waiting(database, 1);
      await other.query(`UPDATE oauth_clients SET scopes = '{}' WHERE id = $1`, [leaving.id]);
      await other.query('COMMIT');
      expect((await back).status).toBe(403);
    } finally {
      await other.end();
    }
    expect(await rowOf(result)).toMatchObject({ returned_at: null, user_agent: '' });
  });

  it('is nobody by a result of the previous release, which did not say where it returned to', async () => {
    const { location, result } = await signInThere();
    await database.query('UPDATE identifications SET return_to = NULL, credential_epoch = NULL WHERE id = $1', [
      result,
    ]);
    expectStranger(await comeBack(location), result);
    expect((await look(result)).body.status).toBe('identified');
  });

  it('goes on to the page again where they are nobody, and back to a URL with one identification', async () => {
    const { email, location, result } = await signInThere();
    await comeBack(location);
    const elsewhere = { ip: '198.51.100.8' };
    const { body } = await comeBack(location, elsewhere);
    const { headers } = await submit(body.id as string, { email });
    const next = headers.get('location') ?? '';
    expect(next).toMatch(/^https:\/\/publisher\.example\/read\?identification=[0-9a-f-]{36}$/);
    expect(next).not.toContain(result);
    expect((await comeBack(next, elsewhere)).body).toMatchObject({ status: 'identified', email });
  });
});

describe('A visitor at a relative reference', () => {
  it('is not sent to the page, which is not there for them', async () => {
    const { status, body } = await comeBack('/read?a=1');
    expect([status, body.status, Object.keys(body._links as object)]).toEqual([201, 'wayf', ['self']]);
    expect((await look(body.id as string)).body).toEqual(body);
    expectPage(await show(body.id as string), 404);
    const { email } = await signUp(server);
    expectPage(await submit(body.id as string, { email }), 404);
  });
});
