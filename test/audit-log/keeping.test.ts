import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import { AuditLog } from '../../src/audit-log/audit-log.service.js';
import type { AuditKind } from '../../src/audit-log/audit-kinds.js';
import { Sweeper } from '../../src/database/sweeper.service.js';
import {
  accessToken,
  admin,
  appTokenOf,
  asked,
  AUDIT,
  client,
  database,
  event,
  eventsOf,
  everyAnswerIsDescribed,
  everything,
  form,
  idOf,
  newAccount,
  newName,
  newOauthClient,
  newOrganisation,
  newPassword,
  newRequestId,
  PUBLIC_URL,
  type Request,
  type Row,
  send,
  server,
  statements,
  theWholeTrailHoldsNoSecret,
  user,
  VISIT,
  withTrail,
} from '../support/audit-log.js';
import { eventually, newFolder, ServerProcess } from '../support/process.js';
import { bearer, newEmail, TEST_SECRET_KEY } from '../support/server.js';
import { newApiToken, newAppToken, signedInUser, tokenHeaders, type User } from '../support/tokens.js';

withTrail();

const YEAR = 31_536_000;

/** But for what is folded: lists that are read, introspection, and what was refused. */
const countEvents = async () =>
  (
    await database.query<{ count: number }>(
      `SELECT count(*)::int FROM audit_events WHERE kind NOT IN ('token.introspected', 'access.refused') AND NOT details ? 'folded'`,
    )
  )[0]?.count;

describe('The audit log has nothing of', () => {
  it('checks of tokens and secrets, good or bad', async () => {
    const apiToken = await newApiToken(server, admin.appToken, 'GATEWAY_1');
    const { id, token } = await newAccount();
    const checks: [Request, status: number][] = [
      [asked('GET', '/v1/api/auth', undefined, bearer(apiToken)), 200],
      [asked('GET', '/v1/api/auth', undefined, bearer(`${apiToken}x`)), 401],
      [asked('GET', `/accounts/${id}`, undefined, bearer(token)), 200],
      [asked('GET', `/accounts/${id}`, undefined, bearer(`${token}x`)), 401],
      [asked('GET', '/account/sessions', undefined, bearer(token)), 200],
      [asked('GET', '/api/v1/tokens/', undefined, user.headers), 200],
      [asked('GET', '/api/v1/tokens/', undefined, tokenHeaders(user.appToken, admin.appToken)), 401],
      [asked('GET', '/v1/frontend/auth/GATEWAY_1', undefined, { 'app-token': admin.appToken }), 200],
      [asked('GET', '/v1/frontend/auth/GATEWAY_1', undefined, { 'app-token': '0'.repeat(32) }), 401],
      [asked('GET', '/api/accounts', undefined, bearer(accessToken)), 200],
      [asked('GET', '/api/accounts', undefined, client.basic), 200],
      [asked('GET', '/api/accounts', undefined, bearer('0'.repeat(32))), 401],
      [asked('POST', '/api/identifications', VISIT, client.basic), 201],
      [{ method: 'POST', path: '/oauth/introspect', body: form({ token: accessToken }), headers: client.basic }, 200],
    ];
    const before = await countEvents();
    for (const [request, status] of checks)
      expect([request, await send(request, newRequestId())]).toMatchObject([{}, { status }]);
    expect(await countEvents()).toBe(before);
  });

  it('what there was not to change', async () => {
    const other = await signedInUser(server);
    const theirs = await idOf(await newAppToken(server, other));
    const missing = randomUUID();
    const before = await countEvents();
    for (const request of [
      asked('DELETE', `/api/v1/app_tokens/${theirs}`, undefined, user.headers),
      asked('PATCH', `/api/v1/app_tokens/${theirs}`, { seconds_until_expire: 60 }, user.headers),
      asked('DELETE', `/api/v1/accounts/${missing}`),
      asked('GET', `/api/v1/accounts/${missing}`),
      asked('POST', `/api/v1/oauth_clients/${missing}/revoke`),
      asked('DELETE', `/api/accounts/${missing}`, undefined, client.basic),
      asked('DELETE', '/v1/frontend/auth/GATEWAY_1', { token_link: missing }, { 'app-token': admin.appToken }),
    ]) {
      expect((await send(request, newRequestId())).status).toBe(404);
    }
    expect(await countEvents()).toBe(before);
  });
});

describe('A refusal that cannot be noted', () => {
  it('is answered as the outage that it is, once, on a connection that goes on', async () => {
    const note = jest.spyOn(server.app.get(AuditLog), 'recordAlone');
    const outage = Object.assign(new Error('terminating connection'), { code: '57P01' });
    try {
      // By a service, and by the guard.
      for (const [method, path, headers] of [
        ['GET', AUDIT, user.headers],
        ['POST', '/v1/frontend/auth', { 'app-token': user.appToken }],
      ] as const) {
        note.mockRejectedValueOnce(outage);
        const answer = await server.call(method, path, undefined, headers);
        expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
        expect((await server.call(method, path, undefined, headers)).status).toBe(403);
      }
    } finally {
      note.mockRestore();
    }
  });
});

describe('The audit log is not filled', () => {
  const kindsOf = async (requestIds: string[]) => (await eventsOf(...requestIds)).map(({ kind }) => kind);

  it('by somebody who is refused time and again, and who keeps nobody else out of it', async () => {
    const [loud, quiet] = [await signedInUser(server), await signedInUser(server)];
    const refuse = async (who: User) => {
      const requestId = newRequestId();
      const headers = { ...who.headers, 'x-request-id': requestId };
      expect((await server.call('GET', AUDIT, undefined, headers)).status).toBe(403);
      return requestId;
    };
    await server.app.get(AuditLog).flush();
    const requestIds = await Promise.all(Array.from({ length: 35 }, () => refuse(loud)));
    expect(await kindsOf(requestIds)).toEqual(['access.refused']);
    expect(await kindsOf([await refuse(quiet)])).toEqual(['access.refused']);
    await server.app.get(AuditLog).flush();
    expect(
      await database.query(
        `SELECT actor_id AS account, details FROM audit_events WHERE kind = 'access.refused' AND details ? 'folded'
         AND actor_id = ANY ($1)`,
        [[loud.id, quiet.id]],
      ),
    ).toEqual([{ account: loud.id, details: { folded: 34 } }]);
  });

  it('by somebody who runs into a limit: it is told once in its window, and again in the next one', async () => {
    const { email } = await newAccount();
    const fail = async () => {
      const requestId = newRequestId();
      const account = { email, password: newPassword() };
      const { status } = await send({ method: 'POST', path: '/account/session', body: { account } }, requestId);
      return { status, requestId };
    };
    for (let window = 0; window < 2; window += 1) {
      for (let failure = 1; failure <= server.config.loginMaxFailures; failure += 1) {
        const { requestId } = await fail();
        const isLast = failure === server.config.loginMaxFailures;
        expect(await kindsOf([requestId])).toEqual(isLast ? ['sign_in', 'sign_in.locked'] : ['sign_in']);
      }
      const limited = await Promise.all(Array.from({ length: 5 }, fail));
      expect(limited.map(({ status }) => status)).toEqual(limited.map(() => 429));
      expect(await kindsOf(limited.map(({ requestId }) => requestId))).toEqual([]);
      await database.query('UPDATE sign_in_failures SET blocked_until = now(), ends_at = now()');
      server.advanceClock(server.config.loginFailureWindow);
    }
  });
});

describe('The database', () => {
  let old: string;
  let young: string;

  beforeAll(async () => {
    const insert = async (age: string) => {
      const [row] = await database.query<{ id: string }>(
        `INSERT INTO audit_events (at, kind) VALUES (now() - $1::interval, 'sign_out') RETURNING id`,
        [age],
      );
      return row?.id ?? '';
    };
    [old, young] = [await insert('25 hours'), await insert('23 hours')];
  });

  let connection: pg.Client;

  beforeAll(async () => {
    connection = new pg.Client(database.connection);
    await connection.connect();
  });

  afterAll(() => connection.end());

  /** One transaction, in which the retention job's word has been said or not. */
  async function attempt(statement: string, values: unknown[], word: string): Promise<unknown> {
    await connection.query('BEGIN');
    try {
      await connection.query(`SELECT set_config('latchkey.audit_retention', $1, true)`, [word]);
      return (await connection.query(statement, values)).rowCount;
    } finally {
      await connection.query('ROLLBACK');
    }
  }

  it.each([
    ['UPDATE', `UPDATE audit_events SET outcome = 'failure' WHERE id = $1`],
    [
      'UPDATE by a second INSERT',
      `INSERT INTO audit_events SELECT * FROM audit_events WHERE id = $1 ON CONFLICT (at, id) DO UPDATE SET kind = 'x'`,
    ],
    [
      'UPDATE by MERGE',
      `MERGE INTO audit_events e USING (SELECT $1::uuid AS id) s ON e.id = s.id WHEN MATCHED THEN UPDATE SET kind = 'x'`,
    ],
    ['DELETE', 'DELETE FROM audit_events WHERE id = $1'],
    [
      'DELETE by MERGE',
      `MERGE INTO audit_events e USING (SELECT $1::uuid AS id) s ON e.id = s.id WHEN MATCHED THEN DELETE`,
    ],
    ['TRUNCATE', 'TRUNCATE audit_events'],
  ])('refuses %s, also to a superuser', async (what, statement) => {
    expect(await database.query('SELECT rolsuper FROM pg_roles WHERE rolname = current_user')).toEqual([
      { rolsuper: true },
    ]);
    const isRetention = what.startsWith('DELETE');
    for (const id of [old, young]) {
      const [place] = await database.query<{ partition: string }>(
        'SELECT tableoid::regclass::text AS partition FROM audit_events WHERE id = $1',
        [id],
      );
      const { partition = '' } = place ?? {};
      for (const word of ['', 'off', 'on', 'audit_events', partition]) {
        const attempted = attempt(statement, what === 'TRUNCATE' ? [] : [id], word);
        // What is older than a day the retention job may delete, if it names the partition. That of the previous release does not.
        if (isRetention && id === old && ['on', partition].includes(word))
          expect(await attempted).toBe(word === 'on' ? 0 : 1);
        else await expect(attempted).rejects.toMatchObject({ message: 'audit_events is append-only', code: '42501' });
      }
    }
  });

  it.each([
    ['UPDATE', `UPDATE audit_emails SET email = 'another@example.org'`],
    ['TRUNCATE', 'TRUNCATE audit_emails'],
  ])('refuses %s of emails too', async (_, statement) => {
    for (const word of ['', 'on'] as const) {
      const refusal = { message: 'audit_emails is append-only', code: '42501' };
      await expect(attempt(statement, [], word)).rejects.toMatchObject(refusal);
    }
  });

  it('lets the sweeper delete what is older than AUDIT_RETENTION, in batches, and nothing else', async () => {
    const { auditRetention } = server.config;
    expect(auditRetention).toBe(2 * YEAR);
    const insert = (count: number, age: string) =>
      database.query(
        `WITH e AS (
           INSERT INTO audit_events (at, kind, request_id)
           SELECT now() - $2 * interval '1 second' - $3::interval, 'sign_in', 'swept' FROM generate_series(1, $1) RETURNING id, at
         )
         INSERT INTO audit_emails (event_id, email, at) SELECT id, 'swept@example.org', at FROM e`,
        [count, auditRetention, age],
      );
    await insert(1_200, '1 minute');
    await insert(3, '-1 minute');
    const before = await countEvents();
    const sent = await statements.allDuring(() => server.app.get(Sweeper).sweep());
    const deletions = sent.filter(({ text }) => text.startsWith('DELETE FROM audit_'));
    // In turn, so that none waits until a larger one is done.
    expect(deletions.map(({ text }) => /^DELETE FROM (\w+)/.exec(text)?.[1])).toEqual([
      ...['audit_events_old', 'audit_events_default', 'audit_emails'],
      ...['audit_events_old', 'audit_emails'],
      ...['audit_events_old', 'audit_emails'],
    ]);
    expect(before).toBe(((await countEvents()) ?? 0) + 1_200);
    expect((await eventsOf('swept')).map(({ email }) => email)).toEqual(Array(3).fill('swept@example.org'));
    expect(await database.query(`SELECT 1 FROM audit_emails WHERE email = 'swept@example.org'`)).toHaveLength(3);
    // Each batch is a transaction of its own.
    const frames = sent
      .map(({ text }) => /^(START|COMMIT|DELETE FROM audit_)/.exec(text)?.[1])
      .filter(Boolean)
      .join(' ');
    expect(frames.match(/START DELETE FROM audit_ COMMIT/g)).toHaveLength(7);
  });
});

describe('When an account is deleted', () => {
  /** All that the audit log has, without emails. */
  const trail = async () =>
    (await database.query<{ event: string }>('SELECT e::text AS event FROM audit_events e')).map(({ event }) => event);
  const emails = async () =>
    (await database.query<{ email: string }>('SELECT email FROM audit_emails ORDER BY 1')).map(({ email }) => email);

  it.each(['an admin', 'a client'])(
    'by %s, its emails leave the audit log, no others do, and every event stays',
    async (who) => {
      const individual = who === 'an admin';
      const [first, second, theirs] = [`Left.${newEmail()}`, `left.${newEmail()}`, `stays.left.${newEmail()}`];
      const made = { email: first, password: newPassword(), individual, ...(!individual && { name: newName() }) };
      const { id } = (await server.call('POST', '/api/v1/accounts/', made, admin.headers)).body as { id: string };
      const signIn = async (email: string, password: string) => {
        await server.app.get(AuditLog).flush();
        await server.call('POST', '/account/session', { account: { email, password } });
      };
      for (const email of [first, first.toUpperCase(), theirs]) await signIn(email, newPassword());
      for (const email of [first, theirs]) await server.call('POST', '/account/password', { account: { email } });
      await server.call('PATCH', `/api/v1/accounts/${id}`, { email: second }, admin.headers);
      await server.call('POST', '/accounts', { account: { email: second, password: newPassword() } });
      await signIn(second.toUpperCase(), made.password);

      const [before, kept] = [await trail(), (await emails()).filter((email) => !/^left/i.test(email))];
      expect((await emails()).length - kept.length).toBe(6);
      const requestId = newRequestId();
      const path = individual ? `/api/v1/accounts/${id}` : `/api/accounts/${id}`;
      const request = asked('DELETE', path, undefined, individual ? admin.headers : client.basic);
      expect((await send(request, requestId)).status).toBe(204);
      expect(await emails()).toEqual(kept);
      expect(kept.filter((email) => email === theirs)).toHaveLength(2);
      const after = await trail();
      expect(after).toHaveLength(before.length + 1);
      expect(new Set(after)).toEqual(new Set([...before, ...after.filter((text) => text.includes(requestId))]));
      // Whoever asks sees the events of the account, without its emails.
      const listed = await server.call('GET', `${AUDIT}?subject=${id}`, undefined, admin.headers);
      expect(listed.body.audit_events.length).toBeGreaterThan(4);
      for (const { email } of listed.body.audit_events) expect(email).toBeNull();
    },
  );
});

describe('Whoever acts at the same time', () => {
  it('is never taken for another', async () => {
    const crowd = await Promise.all(Array.from({ length: 10 }, () => signedInUser(server)));
    const acts = await Promise.all(
      crowd.map(async (who, index) => {
        const account = { email: who.email, password: who.password };
        const wrong = { email: who.email, password: newPassword() };
        const app_token = await appTokenOf(who);
        const requests: [Request, Partial<Row>][] = [
          [
            asked('POST', '/api/v1/app_tokens/', {}, who.headers),
            { kind: 'token.issued', account: who.id, app_token, subject: expect.any(String) as unknown as string },
          ],
          [
            asked('GET', AUDIT, undefined, who.headers),
            { kind: 'access.refused', outcome: 'refused', account: who.id, app_token },
          ],
          [asked('POST', '/account/session', { account }, {}), { account: who.id, subject: who.id }],
          [
            asked('POST', '/account/session', { account: wrong }, {}),
            { outcome: 'failure', subject: who.id, email: who.email },
          ],
          [
            asked(
              'POST',
              '/api/v1/token/',
              { username: who.email, password: wrong.password },
              { 'app-token': who.appToken },
            ),
            { outcome: 'failure', app_token, subject: who.id, email: who.email },
          ],
        ];
        // Each from elsewhere: of failures from one address, only the first of a minute is written as it is.
        return requests.map(([request, row], turn) => {
          const address = `203.0.${turn}.${index}`;
          return { request, row, address, requestId: newRequestId() };
        });
      }),
    );
    // Everybody's first, then everybody's second, and so on: neighbours are never the same person's.
    const turns = [0, 1, 2, 3, 4].flatMap((turn) => acts.flatMap((list) => list.slice(turn, turn + 1)));
    await Promise.all(turns.map(({ request, requestId, address }) => send(request, requestId, address)));
    for (const { row, requestId, address } of turns) {
      const details = expect.any(Object) as unknown as Row['details'];
      expect(await eventsOf(requestId)).toEqual([event({ ...row, details }, requestId, address)]);
    }
  });
});

describe('A server that is killed', () => {
  it('leaves both the act and its event, or neither', async () => {
    const { user: name, password, host, port, database: base } = database.connection;
    const child = await ServerProcess.start({
      DATABASE_URL: `postgres://${name}:${password}@${encodeURIComponent(host)}:${port}/${base}`,
      DATA_DIR: newFolder(),
      SECRET_KEY: TEST_SECRET_KEY,
      BCRYPT_COST: '4',
      RATE_LIMIT_PER_MINUTE: '0',
      LOG_LEVEL: 'warn',
      PUBLIC_URL,
      RUN_MIGRATIONS: 'false',
    }).then((started) => started.ready());
    const prepare = async (): Promise<[kind: AuditKind, Request][]> => {
      const [leaver, forgetful] = [await newAccount(), await newAccount()];
      const [renamed, promoted] = [await newOrganisation(), await newAccount()];
      const made = await newOauthClient();
      const credentials = { email: newEmail(), password: newPassword() };
      return [
        ['account.created', { method: 'POST', path: '/accounts', body: { account: credentials } }],
        ['sign_out', asked('DELETE', '/account/session', undefined, bearer(leaver.token))],
        ['account.changed', asked('PATCH', `/api/accounts/${renamed}`, { name: newName() }, client.basic)],
        ['account.role_changed', asked('PATCH', `/api/v1/accounts/${promoted.id}`, { role: 'admin' })],
        ['oauth_client.secret_added', asked('POST', `/api/v1/oauth_clients/${made.id}/secrets`)],
        ['token.issued', asked('POST', '/api/v1/app_tokens/', {}, user.headers)],
        [
          'password_reset.requested',
          { method: 'POST', path: '/account/password', body: { account: { email: forgetful.email } } },
        ],
      ];
    };
    const ask = ({ method, path, body, headers }: Request, requestId: string) =>
      child.call(method, path, body, { ...headers, 'x-request-id': requestId });

    const [done, held] = [await prepare(), await prepare()];
    const untouched = await everything();
    const doneIds = done.map(() => newRequestId());
    for (const [index, [, request]] of done.entries()) {
      expect((await ask(request, doneIds[index] ?? '')).status).toBeLessThan(300);
    }
    const before = await everything();
    expect(before).not.toEqual(untouched);

    const heldIds = held.map(() => newRequestId());
    const lock = new pg.Client(database.connection);
    await lock.connect();
    try {
      await lock.query('BEGIN; LOCK TABLE audit_events IN SHARE MODE');
      const answers = held.map(([, request], index) => ask(request, heldIds[index] ?? '').catch(() => 'none'));
      // Each has done all else that it does, and waits with its event.
      const waiting = () =>
        database.query(
          `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
             AND query LIKE '%INSERT INTO audit_events%'`,
        );
      await eventually(async () => {
        expect(await waiting()).toHaveLength(held.length);
      });
      child.kill('SIGKILL');
      expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' });
      expect(await Promise.all(answers)).toEqual(held.map(() => 'none'));
      await lock.query('COMMIT');
      // Until nobody has anything open in the table any more.
      await lock.query('BEGIN; LOCK TABLE audit_events IN ACCESS EXCLUSIVE MODE; COMMIT');
      expect(await waiting()).toEqual([]);
    } finally {
      await lock.end();
    }

    expect(await everything()).toEqual(before);
    expect(await eventsOf(...heldIds)).toEqual([]);
    expect((await eventsOf(...doneIds)).map(({ kind }) => kind)).toEqual(done.map(([kind]) => kind).sort());
  });
});
theWholeTrailHoldsNoSecret({
  rows: 140,
  secrets: 130,
  names: ['password', 'app-token', 'token', 'client_secret', 'authorization', 'app_token'],
});

everyAnswerIsDescribed();
