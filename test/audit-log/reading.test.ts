import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import type { AuditFilter } from '../../src/audit-log-reader/audit-log-reader.dto.js';
import { listStatement } from '../../src/audit-log-reader/audit-log-reader.store.js';
import type { Cursor } from '../../src/database/keyset.js';
import {
  admin,
  appTokenOf,
  asked,
  AUDIT,
  by,
  database,
  event,
  eventsOf,
  everyAnswerIsDescribed,
  form,
  type Headers,
  newAccount,
  newPassword,
  newRequestId,
  send,
  server,
  statements,
  theWholeTrailHoldsNoSecret,
  user,
  withTrail,
} from '../support/audit-log.js';
import { whileLocked } from '../support/locks.js';
import { call, type Answer } from '../support/server.js';
import { oboToken, signedInAdmin, tokenHeaders, type User } from '../support/tokens.js';

withTrail();

const NDJSON = { accept: 'application/x-ndjson' };

describe('GET /api/v1/audit_events/', () => {
  const EVENTS = 20_000;
  /** Of 15 kB each: more than Linux buffers (33 MB at most) for somebody who does not listen. */
  const LOADS = 6_000;
  const [ACTOR, APP_TOKEN, BEHALF] = [randomUUID(), randomUUID(), randomUUID()];
  const [SUBJECT, LOADED] = [randomUUID(), randomUUID()];

  interface View {
    id: string;
    at: string;
    kind: string;
    outcome: string;
    request_id: string | null;
  }

  beforeAll(async () => {
    // Four events at each time; one in fifty is of each of those who are asked about below.
    await database.query(
      `INSERT INTO audit_events (at, kind, outcome, actor_id, client_id, app_token_id, on_behalf_of, subject, address,
         request_id)
       SELECT now() - interval '1 day' - (n / 4) * interval '1 minute',
         (ARRAY['sign_in', 'token.issued', 'sign_out', 'token.revoked'])[1 + n % 4],
         CASE WHEN n % 50 = 7 THEN 'failure' WHEN n % 100 = 3 THEN 'refused' ELSE 'success' END,
         CASE WHEN n % 50 = 0 THEN $2::uuid WHEN n % 2 = 0 THEN md5('a' || n % 500)::uuid END,
         CASE WHEN n % 2 = 1 THEN 'client-' || n % 50 END,
         CASE WHEN n % 50 = 1 THEN $3::uuid WHEN n % 4 = 1 THEN md5('t' || n % 100)::uuid END,
         CASE WHEN n % 100 = 2 THEN $4::uuid END,
         CASE WHEN n % 50 = 3 THEN $5 ELSE md5('s' || n)::uuid::text END, '192.0.2.9', 'generated'
       FROM generate_series(1, $1) n`,
      [EVENTS, ACTOR, APP_TOKEN, BEHALF, SUBJECT],
    );
    await database.query(
      `INSERT INTO audit_events (at, kind, subject, details)
       SELECT now() - interval '100 days' - (n / 4) * interval '1 second', 'sign_out', $2,
         jsonb_build_object('padding', repeat('x', 15000))
       FROM generate_series(1, $1) n`,
      [LOADS, LOADED],
    );
    await database.query('ANALYZE audit_events, audit_emails');
  });

  const read = (query: Record<string, string>, headers: Headers = admin.headers) =>
    server.call('GET', `${AUDIT}?${form(query)}`, undefined, headers);

  /** Everything that matches. It is not held against its description, which cannot say that there may be nothing. */
  const exported = (query: Record<string, string>) =>
    call(`${server.url}${AUDIT}?${form(query)}`, 'GET', undefined, { ...admin.headers, ...NDJSON });

  /** @returns the ids of all pages, and how long these were */
  async function pages(query: Record<string, string>): Promise<{ ids: string[]; lengths: number[] }> {
    const all: View[][] = [];
    for (let next: string | undefined = `?${form(query)}`; next !== undefined;) {
      const answer: Answer = await call(`${server.url}${AUDIT}${next}`, 'GET', undefined, admin.headers);
      expect(answer.status).toBe(200);
      all.push(answer.body.audit_events as View[]);
      next = /^<(.*)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1];
      if (next !== undefined) expect(Object.fromEntries(new URLSearchParams(next))).toMatchObject(query);
    }
    return { ids: all.flat().map(({ id }) => id), lengths: all.map(({ length }) => length) };
  }

  /** @returns the ids of the events with this property, in the order of the list */
  const idsWhere = async (condition: string, values: unknown[] = []) =>
    (
      await database.query<{ id: string }>(
        `SELECT id FROM audit_events WHERE ${condition} ORDER BY at DESC, id DESC`,
        values,
      )
    ).map(({ id }) => id);

  const linesOf = ({ body }: Answer): View[] =>
    (body as string)
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as View);

  it('is for admins, and for whoever acts on behalf of one', async () => {
    const asUser = tokenHeaders(admin.appToken, await oboToken(server, admin, user.id));
    const other = await signedInAdmin(server);
    const asAdmin = tokenHeaders(admin.appToken, await oboToken(server, admin, other.id));
    expect((await read({}, {})).status).toBe(401);
    expect((await read({}, { 'app-token': admin.appToken })).status).toBe(401);
    for (const headers of [user.headers, asUser]) {
      expect(await read({}, headers)).toMatchObject({ status: 403, body: { errors: { request: expect.any(String) } } });
      expect((await read({}, { ...headers, ...NDJSON })).status).toBe(403);
    }
    for (const headers of [admin.headers, asAdmin]) {
      const answer = await read({}, headers);
      expect(answer.status).toBe(200);
      expect(answer.body.audit_events).toHaveLength(100);
    }
  });

  it('shows all that there is of an event', async () => {
    const { id, email } = await newAccount();
    const requestId = newRequestId();
    const body = { username: email, password: newPassword() };
    await send({ method: 'POST', path: '/api/v1/token/', body, headers: { 'app-token': user.appToken } }, requestId);
    const { body: listed } = await read({ subject: id, outcome: 'failure' });
    const row = event({ outcome: 'failure', app_token: await appTokenOf(user), subject: id, email }, requestId);
    const shown = { ...row, app_token_name: null, id: expect.any(String), at: expect.any(String) };
    expect(listed).toEqual({ audit_events: [shown] });
    const { at } = listed.audit_events[0];
    expect(Math.abs(Date.parse(at as string) - Date.now())).toBeLessThan(60_000);
  });

  const past = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString();
  const [FROM, TO] = [past(3.1), past(3)];
  const FILTERS: [name: string, filter: AuditFilter, condition: string, values: unknown[]][] = [
    ['actor, an account', { actor: ACTOR }, 'actor_id = $1', [ACTOR]],
    ['actor, a client', { actor: 'client-7' }, 'client_id = $1', ['client-7']],
    ['app_token', { app_token: APP_TOKEN }, 'app_token_id = $1', [APP_TOKEN]],
    ['on_behalf_of', { on_behalf_of: BEHALF }, 'on_behalf_of = $1', [BEHALF]],
    ['subject', { subject: SUBJECT }, 'subject = $1', [SUBJECT]],
    ['kind', { kind: 'token.revoked' }, 'kind = $1', ['token.revoked']],
    ['outcome failure', { outcome: 'failure' }, 'outcome = $1', ['failure']],
    ['outcome refused', { outcome: 'refused' }, 'outcome = $1', ['refused']],
    ['outcome success', { outcome: 'success' }, 'outcome = $1', ['success']],
    ['from', { from: past(2) }, 'at >= $1', []],
    ['to', { to: past(10) }, 'at < $1', []],
    ['from and to', { from: FROM, to: TO }, 'at >= $1 AND at < $2', [FROM, TO]],
    ['actor and kind', { actor: ACTOR, kind: 'sign_in' }, 'actor_id = $1 AND kind = $2', [ACTOR, 'sign_in']],
    [
      'subject and outcome',
      { subject: SUBJECT, outcome: 'refused' },
      'subject = $1 AND outcome = $2',
      [SUBJECT, 'refused'],
    ],
    [
      'all but those who act',
      { kind: 'sign_in', outcome: 'success', from: FROM, to: TO },
      'kind = $1 AND outcome = $2 AND at >= $3 AND at < $4',
      ['sign_in', 'success', FROM, TO],
    ],
  ];
  /** Those that give some pages, and not two hundred. */
  const FEW = FILTERS.filter(
    ([, , , values]) => values.length > 0 && values[0] !== 'success' && values[0] !== 'token.revoked',
  );

  it.each(FEW)('filters by %s, on all pages, and as NDJSON', async (_, filter, condition, values) => {
    const query = filter as Record<string, string>;
    const wanted = await idsWhere(condition, values);
    expect(wanted.length).toBeGreaterThan(0);
    const { ids, lengths } = await pages(query);
    expect(ids).toEqual(wanted);
    expect(new Set(lengths.slice(0, -1)).size).toBeLessThanOrEqual(1);
    const answer = await exported(query);
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson');
    expect(linesOf(answer).map(({ id }) => id)).toEqual(wanted);
  });

  it('neither repeats nor leaves out events that share a time', async () => {
    const actor = randomUUID();
    await database.query(
      `INSERT INTO audit_events (at, kind, actor_id)
       SELECT now() - (n / 130) * interval '1 microsecond', 'sign_in', $1 FROM generate_series(1, 390) n`,
      [actor],
    );
    const { ids, lengths } = await pages({ actor });
    expect(ids).toEqual(await idsWhere('actor_id = $1', [actor]));
    expect(lengths).toEqual([100, 100, 100, 90]);
  });

  it('gives pages that stay the same while events are added', async () => {
    const first = await read({ subject: SUBJECT });
    await database.query(`INSERT INTO audit_events (kind, subject) VALUES ('sign_in', $1)`, [SUBJECT]);
    const next = /^<(.*)>; rel="next"$/.exec(first.headers.get('link') ?? '')?.[1] ?? '';
    const second = await server.call('GET', `${AUDIT}${next}`, undefined, admin.headers);
    const ids = [first, second].flatMap(({ body }) => (body.audit_events as View[]).map(({ id }) => id));
    expect(ids).toEqual((await idsWhere('subject = $1', [SUBJECT])).slice(1, 201));
  });

  it('gives everything behind a cursor as NDJSON, filtered, an event on each line', async () => {
    const query = { app_token: APP_TOKEN };
    const next = /^<(.*)>; rel="next"$/.exec((await read(query)).headers.get('link') ?? '')?.[1] ?? '';
    const answer = await server.call('GET', `${AUDIT}${next}`, undefined, { ...admin.headers, ...NDJSON });
    expect(linesOf(answer).map(({ id }) => id)).toEqual((await idsWhere('app_token_id = $1', [APP_TOKEN])).slice(100));
    expect(await exported({ actor: randomUUID() })).toMatchObject({ status: 200, body: '' });
  });

  it('reads no more for NDJSON than is taken, and stops when nobody listens any more', async () => {
    const reads = async (during: () => Promise<unknown>) =>
      (await statements.allDuring(during)).filter(({ text }) => text.includes('FROM audit_events e LEFT')).length;
    const headers = { ...admin.headers, ...NDJSON };
    const connection = { headers, agent: false };
    const begun = new Promise<IncomingMessage>((resolve, reject) => {
      get(`${server.url}${AUDIT}?subject=${LOADED}`, connection, resolve).on('error', reject);
    });
    // Nobody takes what comes. Some of it is on its way, in the buffers of the operating system, but not all.
    const started = await reads(async () => {
      (await begun).pause();
      await sleep(400);
    });
    expect(started).toBeGreaterThan(0);
    expect(started).toBeLessThan(LOADS / 1_000);
    const response = await begun;
    response.on('error', () => undefined).destroy();
    const more = await reads(() => sleep(300));
    expect(more).toBeLessThanOrEqual(1);
    // All the same, all of them come to whoever takes them.
    const query = { kind: 'token.issued', outcome: 'success', from: past(4.2) };
    const wanted = await idsWhere('kind = $1 AND outcome = $2 AND at >= $3', Object.values(query));
    expect(wanted.length).toBeGreaterThan(2_000);
    const batches = await reads(async () => {
      expect(linesOf(await exported(query)).map(({ id }) => id)).toEqual(wanted);
    });
    expect(batches).toBe(Math.ceil(wanted.length / 1_000));
  });

  it('answers 503, and logs one warning, when the first batch of NDJSON cannot be read', async () => {
    const other = await signedInAdmin(server);
    const headers = { ...other.headers, ...NDJSON };
    const begun = server.logs.length;
    const answer = await whileLocked(database, 'SELECT 1 FROM accounts WHERE id = $1 FOR UPDATE', [other.id], () =>
      server.call('GET', AUDIT, undefined, headers),
    );
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    const lines = server.logs.slice(begun).map((line) => JSON.parse(line) as { level: string; msg: string });
    const worse = lines.filter(({ level }) => ['warn', 'error', 'fatal'].includes(level));
    expect(worse.map(({ level, msg }) => [level, msg.split(':', 1)[0]])).toEqual([
      ['warn', 'the database is too slow or too busy for a request'],
    ]);
  });

  it.each<[what: string, method: string, path: (other: User) => string]>([
    ['whose account is revoked', 'POST', ({ id }) => `/api/v1/accounts/${id}/revoke`],
    ['whose Token is deleted', 'DELETE', ({ token }) => `/api/v1/tokens/${token}`],
    ['whose App-Token is deleted', 'DELETE', ({ appToken }) => `/api/v1/app_tokens/${appToken}`],
  ])('cuts off an admin %s', async (_, method, path) => {
    const other = await signedInAdmin(server);
    const connection = { headers: { ...other.headers, ...NDJSON }, agent: false };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get(`${server.url}${AUDIT}?subject=${LOADED}`, connection, resolve).on('error', reject);
    });
    response.pause();
    await sleep(300);
    expect((await server.call(method, path(other), undefined, admin.headers)).status).toBe(204);
    let bytes = 0;
    response.on('data', (chunk: Buffer) => (bytes += chunk.length));
    response.resume();
    await expect(once(response, 'end')).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThan(LOADS * 15_000);
  });

  it.each<[string, string, string]>([
    ['outcome', 'outcome=maybe', 'must be one of success, failure, refused'],
    ['kind', 'kind=sign-in', 'must be a known event kind'],
    ['kind', 'kind=', 'must be a known event kind'],
    ['kind', 'kind=sign_in&kind=sign_out', 'must be given once'],
    ['actor', 'actor=a&actor=b', 'must be given once'],
    ['actor', `actor=${'x'.repeat(256)}`, 'must be at most 255 characters'],
    ['subject', 'subject=a&subject=b', 'must be given once'],
    ['subject', `subject=${'x'.repeat(256)}`, 'must be at most 255 characters'],
    ['app_token', 'app_token=1', 'must be a UUID'],
    ['on_behalf_of', 'on_behalf_of=me', 'must be a UUID or 24 hexadecimal characters'],
    ...[
      'yesterday',
      '2026-11-22',
      '2026-11-22T12:00:00',
      '2026-13-01T00:00:00Z',
      '2026-02-30T00:00:00Z',
      '2025-02-29T00:00:00Z',
      '2026-11-22T25:00:00Z',
      '2026-11-22T12:00:00+24:00',
      '0000-11-22T12:00:00Z',
      '',
    ].flatMap((time): [string, string, string][] =>
      ['from', 'to'].map((name) => [
        name,
        `${name}=${encodeURIComponent(time)}`,
        'must be a date and time such as 2026-11-22T12:00:00Z',
      ]),
    ),
    ['cursor', 'cursor=1', 'is not a valid cursor'],
    ['cursor', 'cursor=', 'is not a valid cursor'],
    ['cursor', `cursor=9999999999999999.${randomUUID()}`, 'is not a valid cursor'],
    ['cursor', 'cursor=1.client', 'is not a valid cursor'],
    ['cursor', 'cursor=1&cursor=2', 'must be given once'],
  ])('refuses a bad %s: %s', async (name, query, message) => {
    for (const headers of [admin.headers, { ...admin.headers, ...NDJSON }]) {
      const answer = await server.call('GET', `${AUDIT}?${query}`, undefined, headers);
      expect(answer).toMatchObject({ status: 400, body: { errors: { [name]: message } } });
    }
  });

  it.each([
    '2026-11-22T12:00:00Z',
    '2024-02-29T23:59:59.999999999Z',
    '2026-11-22T12:00:00+14:00',
    '2026-11-22T12:00:00-23:59',
    '2026-11-22t12:00:00z',
    '2026-11-22T24:00:00-12:00',
    '1000-01-01T00:00:00Z',
  ])('understands the time %s', async (time) => {
    expect((await read({ from: time, to: time })).body).toEqual({ audit_events: [] });
  });

  it('holds a time that the cursor is not yet behind against events', async () => {
    const [at] = await database.query<{ micros: string }>(
      "SELECT (extract(epoch FROM $1::timestamptz + interval '1 hour') * 1000000)::bigint::text AS micros",
      [TO],
    );
    const answer = await read({ from: FROM, to: TO, cursor: `${at?.micros ?? ''}.${randomUUID()}` });
    const ids = (answer.body.audit_events as View[]).map(({ id }) => id);
    expect(ids).toEqual((await idsWhere('at >= $1 AND at < $2', [FROM, TO])).slice(0, 100));
    // Behind it, PostgreSQL would go from that time through all that lies between.
    const before = { micros: String(Date.parse(TO) * 1_000 - 1), id: randomUUID() };
    expect(listStatement({ to: TO }, 100, before).statement).not.toContain('e.at < $');
    const behind = { micros: String(Date.parse(TO) * 1_000), id: randomUUID() };
    expect(listStatement({ to: TO }, 100, behind).statement).toContain('e.at < $');
  });

  it('is in the audit log itself, with what was asked for, page by page', async () => {
    const requestId = newRequestId();
    const query = { subject: SUBJECT, kind: 'token.revoked', from: FROM };
    for (const more of [{}, NDJSON]) {
      await send(asked('GET', `${AUDIT}?${form(query)}`, undefined, { ...admin.headers, ...more }), requestId);
    }
    const row = event({ kind: 'audit.read', ...(await by(admin)), details: query }, requestId);
    expect(await eventsOf(requestId)).toEqual([row, row]);
  });

  interface Plan {
    'Node Type': string;
    'Relation Name'?: string;
    'Actual Rows': number;
    'Rows Removed by Filter'?: number;
    'Actual Loops': number;
    Plans?: Plan[];
  }

  /** Each node of a plan. */
  const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

  async function explain(
    filter: AuditFilter,
    after?: Cursor,
  ): Promise<{ scans: string[]; inFull: number; touched: number }> {
    const { statement, values } = listStatement(filter, 101, after);
    const [row] = await database.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
      `EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ${statement}`,
      values,
    );
    const nodes = row ? nodesOf(row['QUERY PLAN'][0].Plan) : [];
    const touchedBy = (node: Plan) =>
      (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'];
    const scans = nodes.filter((node) => node['Relation Name']?.startsWith('audit_events'));
    const touched = scans.map(touchedBy).reduce((sum, count) => sum + count, 0);
    // Of a partition that has next to nothing, PostgreSQL reads everything.
    const inFull = scans.filter((node) => node['Node Type'] === 'Seq Scan' && touchedBy(node) > 500);
    return { inFull: inFull.length, scans: scans.map((node) => node['Node Type']), touched };
  }

  it.each([['no filter', {}] as const, ...FILTERS.map(([name, filter]) => [name, filter] as const)])(
    'uses an index for %s, on the first page and far behind it',
    async (_, filter) => {
      const [place] = await database.query<Cursor & pg.QueryResultRow>(
        `SELECT (extract(epoch FROM at) * 1000000)::bigint::text AS micros, id FROM audit_events
         WHERE request_id = 'generated' ORDER BY at DESC OFFSET 15000 LIMIT 1`,
      );
      for (const after of [undefined, place]) {
        const { scans, inFull, touched } = await explain(filter, after);
        expect(scans).toContainEqual(expect.stringMatching(/Index Scan|Bitmap Heap Scan/));
        expect(inFull).toBe(0);
        // A tenth of what there is, at most: others that share an actor and the like are looked at in vain.
        expect(touched).toBeLessThan(EVENTS / 10);
      }
    },
  );
});
theWholeTrailHoldsNoSecret({
  rows: 450,
  secrets: 20,
  names: ['password', 'app-token', 'token', 'client_secret', 'access_token', 'app_token'],
});

everyAnswerIsDescribed();
