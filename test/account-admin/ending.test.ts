import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import {
  ACCOUNTS,
  admin,
  afterAllOfThis,
  ALL,
  AT_WORST,
  change,
  database,
  eventsOf,
  everything,
  get,
  GONE,
  HANDLE,
  handleOf,
  type Headers,
  type Holdings,
  invalid,
  make,
  newName,
  newTarget,
  NONE,
  NOT_FOUND,
  onBehalf,
  opened,
  outcome,
  patch,
  pathOf,
  post,
  publisher,
  redeem,
  remove,
  replica,
  server,
  type Server,
  signIn,
  stored,
  type Target,
  TIME,
  user,
  withAdmins,
} from '../support/account-admin.js';
import { waiting, whileLocked } from '../support/locks.js';
import { newAccessToken, newClient } from '../support/oauth.js';
import { eventually } from '../support/process.js';
import { bearer, claimsOf, newEmail, signUp, type Answer } from '../support/server.js';
import { logIn, rowOf, signedInAdmin, tokenHeaders, type User } from '../support/tokens.js';

withAdmins();

const REVOKED = [401, { errors: { token: 'has been revoked' } }];

describe('All that an account has open is ended', () => {
  it('at once, on both replicas, and its holder signs in again', async () => {
    const held = await everything();
    expect([await opened(held), await opened(held, replica)]).toEqual([ALL, ALL]);
    const before = await stored(held.id);
    expect(outcome(await post(`${pathOf(held.id)}/revoke`))).toEqual(GONE);
    expect(await opened(held)).toEqual({ ...NONE, secret: true });
    await eventually(async () => {
      expect(await opened(held, replica)).toEqual({ ...NONE, secret: true });
    }, AT_WORST);
    expect(await stored(held.id)).toEqual({ ...before, credential_epoch: (before?.credential_epoch ?? 0) + 1 });
    expect((await redeem(held.resetId)).status).toBe(422);
    expect((await signIn(held.email, held.password)).status).toBe(200);
    expect(await logIn(server, admin.appToken, held)).toEqual(expect.any(String));
    await newAccessToken(server, held.client);
    // Nobody else lost anything.
    for (const headers of [admin.headers, user.headers])
      expect((await get('/api/v1/tokens/', headers)).status).toBe(200);
  });

  it('of whoever asks for it, too', async () => {
    const { id, headers } = await signedInAdmin(server);
    expect(outcome(await post(`${pathOf(id)}/revoke`, undefined, headers))).toEqual(GONE);
    expect((await get(ACCOUNTS, headers)).status).toBe(401);
  });

  it('when there is nothing, and when it is disabled, but not when a body comes along', async () => {
    const { id } = await make({ individual: false, name: newName(), email: undefined, password: undefined });
    await change(id, { disabled: true });
    for (const body of [undefined, {}]) expect(outcome(await post(`${pathOf(id)}/revoke`, body))).toEqual(GONE);
    expect(outcome(await post(`${pathOf(id)}/revoke`, { nonsense: 1 }))).toEqual(
      invalid({ nonsense: 'Unknown field: nonsense.' }),
    );
  });
});

describe('An account is deleted', () => {
  const TABLES = [
    ['sessions', 'account_id'],
    ['tokens', 'account_id'],
    ['tokens', 'actor_id'],
    ['password_resets', 'account_id'],
    ['email_links', 'account_id'],
    ['account_networks', 'account_id'],
    ['account_email_domains', 'account_id'],
  ] as const;

  const countOf = (id: string) =>
    Promise.all(
      TABLES.map(async ([table, column]) => {
        const rows = await database.query(`SELECT 1 FROM ${table} WHERE ${column} = $1`, [id]);
        return [table, column, rows.length > 0];
      }),
    );

  it('with all that it held, and its emails leave the audit log, which stays', async () => {
    const held = await everything();
    const path = `/api/v1/oauth_clients/${held.client.id}`;
    await patch(path, { owner: admin.id });
    await change(held.id, { networks: ['192.0.2.0/24'], email_domains: ['example.org'] });
    await change(held.id, { email: newEmail() });
    expect(await countOf(held.id)).toEqual(TABLES.map((one) => [...one, true]));
    const [events, emails] = [
      await eventsOf(held.id),
      await database.query('SELECT 1 FROM audit_emails m JOIN audit_events e ON e.id = m.event_id WHERE subject = $1', [
        held.id,
      ]),
    ];
    expect(emails.length).toBeGreaterThan(1);
    expect(outcome(await remove(pathOf(held.id)))).toEqual(GONE);
    const open = { ...NONE, secret: true, accessToken: true };
    expect(await opened(held)).toEqual(open);
    await eventually(async () => {
      expect(await opened(held, replica)).toEqual(open);
    }, AT_WORST);
    expect(await countOf(held.id)).toEqual(TABLES.map((one) => [...one, false]));
    expect(await eventsOf(held.id)).toEqual([
      ...events,
      { kind: 'account.deleted', actor_id: admin.id, on_behalf_of: null },
    ]);
    for (const answer of [await get(pathOf(held.id)), await remove(pathOf(held.id))]) {
      expect(outcome(answer)).toEqual(NOT_FOUND);
    }
    expect(
      await database.query(
        `SELECT 1 FROM audit_emails m LEFT JOIN audit_events e ON e.id = m.event_id
         WHERE subject = $1 OR lower(m.email) = lower($2)`,
        [held.id, held.email],
      ),
    ).toEqual([]);
    // Whoever comes next may have them.
    expect((await post(ACCOUNTS, { email: held.email, password: 'example' })).status).toBe(201);
  });

  it('not while it answers for clients', async () => {
    const owner = await signedInAdmin(server);
    const client = await newClient(server, { ownerId: owner.id });
    const refused = [
      409,
      {
        errors: {
          request: 'The account owns OAuth2 clients. Transfer them to another admin or delete them first.',
        },
      },
    ];
    const path = `/api/v1/oauth_clients/${client.id}`;
    for (const fields of [{}, { role: 'user' }, { disabled: true }]) {
      await change(owner.id, fields);
      expect(outcome(await remove(pathOf(owner.id)))).toEqual(refused);
    }
    expect((await patch(path, { owner: admin.id })).status).toBe(200);
    expect(outcome(await remove(pathOf(owner.id)))).toEqual(GONE);
    expect((await get(path)).status).toBe(200);
  });

  it('by itself, if it is an admin, and then nothing of its own is accepted', async () => {
    const { id, headers } = await signedInAdmin(server);
    expect(outcome(await remove(pathOf(id), headers))).toEqual(GONE);
    expect((await get(ACCOUNTS, headers)).status).toBe(401);
    expect((await eventsOf(id)).at(-1)).toEqual({ kind: 'account.deleted', actor_id: id, on_behalf_of: null });
  });

  it('on behalf of another, or as the one who acts', async () => {
    const [actor, other] = [await signedInAdmin(server), await signedInAdmin(server)];
    const acting = await onBehalf(other, actor);
    expect(outcome(await remove(pathOf(other.id), acting))).toEqual(GONE);
    expect((await get(ACCOUNTS, acting)).status).toBe(401);
    expect((await get(ACCOUNTS, actor.headers)).status).toBe(200);
    const third = await signedInAdmin(server);
    const again = await onBehalf(third, actor);
    expect(outcome(await remove(pathOf(actor.id), again))).toEqual(GONE);
    expect((await get(ACCOUNTS, again)).status).toBe(401);
    expect((await get(ACCOUNTS, third.headers)).status).toBe(200);
  });
});

describe('The sessions of an account', () => {
  const sessionsOf = (id: string, query = '') => get(`${pathOf(id)}/sessions${query}`);

  it('are listed newest first, with where each was opened from, and shown one by one', async () => {
    const { id, email, password } = await signUp(server);
    const opened = await server.call(
      'POST',
      '/account/session',
      { account: { email, password } },
      { 'user-agent': 'A laptop' },
    );
    const { sid } = claimsOf(opened.body.token as string);
    const { status, body } = await sessionsOf(id);
    expect(status).toBe(200);
    expect(body.sessions).toHaveLength(2);
    const [newest] = body.sessions as { id: string }[];
    expect(newest).toEqual({
      id: sid,
      created_at: TIME,
      last_used_at: null,
      expires_at: TIME,
      address: '127.0.0.1',
      user_agent: 'A laptop',
    });
    expect(outcome(await get(`${pathOf(id)}/sessions/${sid}`))).toEqual([200, newest]);
    expect((await sessionsOf((await make()).id)).body).toEqual({ sessions: [] });
  });

  it('are listed a hundred a page, only those that are open', async () => {
    const { id } = await make();
    await database.query(
      `INSERT INTO sessions (account_id, created_at, expires_at, revoked_at)
       SELECT $1, '2026-01-02T03:04:05.678901Z'::timestamptz + (n / 7) * interval '1 microsecond',
         now() + CASE WHEN n % 10 = 0 THEN interval '-1 second' ELSE interval '1 hour' END,
         CASE WHEN n % 10 = 1 THEN now() END
       FROM generate_series(1, 150) n`,
      [id],
    );
    const open = await database.query<{ id: string }>(
      `SELECT id FROM sessions WHERE account_id = $1 AND revoked_at IS NULL AND expires_at > now()
       ORDER BY created_at DESC, id DESC`,
      [id],
    );
    const first = await sessionsOf(id);
    const [, next = ''] = /^<([^>]+)>; rel="next"$/.exec(first.headers.get('link') ?? '') ?? [];
    const second = await sessionsOf(id, next);
    const pages = [first, second].map(({ body }) => (body.sessions as { id: string }[]).map((one) => one.id));
    expect(pages.map(({ length }) => length)).toEqual([100, 20]);
    expect(pages.flat()).toEqual(open.map((one) => one.id));
    expect(second.headers.get('link')).toBeNull();
    for (const cursor of ['', 'nonsense', '1.x']) {
      expect(outcome(await sessionsOf(id, `?cursor=${cursor}`))).toEqual(invalid({ cursor: 'is not a valid cursor' }));
    }
  });

  it('are ended one by one: its JWT and its refresh token are refused at once, the others stay', async () => {
    const { id, email, password, token, refreshToken } = await signUp(server, { remember: true });
    const kept = (await signIn(email, password)).body.token as string;
    const ask = (jwt: string, at: Server) => get(`/accounts/${id}`, bearer(jwt), at);
    for (const at of [server, replica]) expect((await ask(token, at)).status).toBe(200);
    const path = `${pathOf(id)}/sessions/${claimsOf(token).sid}`;
    expect(outcome(await remove(path))).toEqual(GONE);
    expect((await ask(token, server)).status).toBe(401);
    await eventually(async () => {
      expect((await ask(token, replica)).status).toBe(401);
    }, AT_WORST);
    const refresh = { account: { refresh_token: refreshToken, remember_me: true } };
    expect((await server.call('PUT', '/account/session', refresh)).status).toBe(401);
    for (const at of [server, replica]) expect((await ask(kept, at)).status).toBe(200);
    for (const answer of [await get(path), await remove(path)]) expect(outcome(answer)).toEqual(NOT_FOUND);
    expect((await sessionsOf(id)).body.sessions).toHaveLength(1);
    expect((await eventsOf(id)).at(-1)).toMatchObject({ kind: 'session.ended', actor_id: admin.id });
  });

  it('of another account, or none at all, are 404 and stay', async () => {
    const { id } = await make();
    const other = await newTarget();
    for (const sid of [other.sid, randomUUID(), 'nonsense', other.id, '%F0%9F%8F%A6']) {
      const path = `${pathOf(id)}/sessions/${sid}`;
      for (const answer of [await get(path), await remove(path)]) {
        expect([sid, ...outcome(answer)]).toEqual([sid, ...NOT_FOUND]);
      }
    }
    expect((await get(`/accounts/${other.id}`, bearer(other.jwt))).status).toBe(200);
  });

  it('that have expired are 404', async () => {
    const { id, sid } = await newTarget();
    await database.query('UPDATE sessions SET expires_at = now() WHERE id = $1', [sid]);
    const path = `${pathOf(id)}/sessions/${sid}`;
    for (const answer of [await get(path), await remove(path)]) expect(outcome(answer)).toEqual(NOT_FOUND);
  });
});

describe('An admin who loses their rights while their own request waits', () => {
  /** How it is done to them, and what holds it up until their request waits behind it. */
  const losses: [name: string, lose: (loser: User) => Promise<Answer>][] = [
    ['is disabled', ({ id }) => change(id, { disabled: true })],
    ['gets another email', ({ id }) => change(id, { email: newEmail() })],
    ['gets no password', ({ id }) => change(id, { password: null })],
    ['is revoked', ({ id }) => post(`${pathOf(id)}/revoke`)],
    ['is deleted', ({ id }) => remove(pathOf(id))],
    ['is no admin any more', ({ id }) => change(id, { role: 'user', password: null })],
    // Nothing of it is a session: its handle is a token on behalf of somebody.
    ['is no admin any more, and nothing else', ({ id }) => change(id, { role: 'user' })],
  ];

  const requests: ((target: Target, headers: Headers) => Promise<Answer>)[] = [
    ({ id }, headers) => change(id, { role: 'admin', disabled: true, email: newEmail(), name: newName() }, headers),
    ({ id }, headers) => remove(pathOf(id), headers),
    ({ id }, headers) => post(`${pathOf(id)}/revoke`, undefined, headers),
    ({ id, sid }, headers) => remove(`${pathOf(id)}/sessions/${sid}`, headers),
    (_, headers) => post(ACCOUNTS, { email: newEmail(), name: 'in flight', role: 'admin' }, headers),
    (_, headers) => post('/api/v1/app_tokens/', { scopes: ['frontend'] }, headers),
    ({ id }, headers) => post('/api/v1/tokens/', { user: id }, headers),
    (_, headers) => post('/api/v1/oauth_clients', { name: 'in flight', scopes: [] }, headers),
  ];

  it.each(losses)('%s, gets 401, and has changed nothing', async (_, lose) => {
    const loser = await signedInAdmin(server);
    const target = await newTarget();
    const session = await handleOf(loser);
    const acting = await onBehalf(await signedInAdmin(server), loser);
    const token = await rowOf(database, acting.token ?? '');
    const before = await stored(target.id);
    const lock = `SELECT (SELECT 1 FROM sessions WHERE id = $1 FOR UPDATE), (SELECT 1 FROM tokens WHERE id = $2 FOR UPDATE)`;
    const [losing, asking] = await whileLocked(database, lock, [...session, token.id], async () => {
      const losing = lose(loser);
      await waiting(database, 1);
      const asking = requests.map((request, index) => request(target, index % 2 === 0 ? loser.headers : acting));
      await waiting(database, 1 + requests.length);
      return [losing, asking];
    });
    expect([200, 204]).toContain((await losing).status);
    expect((await Promise.all(asking)).map(outcome)).toEqual(requests.map(() => REVOKED));
    expect(await stored(target.id)).toEqual(before);
    expect((await get(`/accounts/${target.id}`, bearer(target.jwt))).status).toBe(200);
    expect(await database.query(`SELECT 1 FROM accounts WHERE name = 'in flight'`)).toEqual([]);
  });

  it('was first: then both happen', async () => {
    const [loser, target] = [await signedInAdmin(server), await newTarget()];
    const [changing, losing] = await whileLocked(database, HANDLE, [target.sid], async () => {
      const changing = change(target.id, { disabled: true }, loser.headers);
      await waiting(database, 1);
      const losing = change(loser.id, { role: 'user' });
      await waiting(database, 2);
      return [changing, losing];
    });
    expect([(await changing).status, (await losing).status]).toEqual([200, 200]);
    expect((await stored(target.id))?.disabled_at).not.toBeNull();
  });
});

describe('An account that is disabled', () => {
  /** Everything that opens something, with what it gave, as an answer to whether that is accepted. */
  type Door = (held: Holdings, at: Server) => Promise<(() => Promise<Answer>) | undefined>;

  const wayfPage = async () => {
    const visitor = { ip: '192.0.2.1', url: 'https://publisher.example/read', user_agent: 'x' };
    return (await post('/api/identifications', visitor, publisher.basic)).body.id as string;
  };

  const given =
    (allowed: number[], present: (answer: Answer) => Promise<Answer>) =>
    (answer: Answer): (() => Promise<Answer>) | undefined => {
      if (answer.status >= 200 && answer.status < 400) return () => present(answer);
      expect(allowed).toContain(answer.status);
      return undefined;
    };

  const asSession = (held: Holdings) => (answer: Answer) =>
    get(`/accounts/${held.id}`, bearer(answer.body.token as string));
  const asUser = (answer: Answer) => get('/api/v1/tokens/', tokenHeaders(admin.appToken, answer.body.token as string));

  const doors: [name: string, door: Door][] = [
    ['a sign-in', async (held, at) => given([401], asSession(held))(await signIn(held.email, held.password, at))],
    [
      'a refresh',
      async (held, at) => {
        const account = { refresh_token: held.refreshToken, remember_me: true };
        return given([401], asSession(held))(await at.call('PUT', '/account/session', { account }));
      },
    ],
    [
      'a login',
      async ({ email, password }, at) => {
        const login = { username: email, password };
        return given([401], asUser)(await post('/api/v1/token/', login, { 'app-token': admin.appToken }, at));
      },
    ],
    [
      'a token on behalf of it',
      async ({ id }, at) => given([400, 401], asUser)(await post('/api/v1/tokens/', { user: id }, admin.headers, at)),
    ],
    [
      'a token on behalf of somebody that it asks for',
      async ({ headers }, at) => given([401], asUser)(await post('/api/v1/tokens/', { user: user.id }, headers, at)),
    ],
    [
      'an App-Token that it asks for',
      async ({ headers }, at) =>
        given([401], ({ body }) => get('/api/v1/tokens/', tokenHeaders(body.app_token as string, admin.token)))(
          await post('/api/v1/app_tokens/', {}, headers, at),
        ),
    ],
    [
      'an access token of its client',
      async ({ client }, at) =>
        given([401], ({ body }) => get('/api/accounts?perpage=1', bearer(body.access_token as string)))(
          await at.call('POST', '/oauth/token', { grant_type: 'client_credentials' }, client.basic),
        ),
    ],
    ['a new password', async (held, at) => given([422], asSession(held))(await redeem(held.resetId, at))],
    [
      'a sign-in on the WAYF page',
      async ({ id, email, password }, at) => {
        const form = new URLSearchParams({ institution: 'none', email, password }).toString();
        const answer = await at.call('POST', `/wayf/${await wayfPage()}`, form, {
          'content-type': 'application/x-www-form-urlencoded',
          'sec-fetch-site': 'same-origin',
        });
        return given([422], async ({ headers }) => {
          const made = new URL(headers.get('location') ?? '').searchParams.get('identification') ?? '';
          const { status, body } = await get(`/api/identifications/${made}`, publisher.basic);
          // Whoever is disabled is not shown.
          return { ...answer, status: status === 200 && !JSON.stringify(body).includes(id) ? 401 : status };
        })(answer);
      },
    ],
  ];

  /** What of an account is live in the database, whoever accepts it. */
  const liveRows = (id: string) =>
    database.query(
      `SELECT 'session' FROM sessions WHERE account_id = $1 AND revoked_at IS NULL
       UNION ALL SELECT 'token' FROM tokens t LEFT JOIN oauth_clients c ON c.id = t.client_id
         WHERE (t.account_id = $1 OR t.actor_id = $1 OR c.account_id = $1) AND t.revoked_at IS NULL
           AND (t.client_epoch IS NULL OR t.client_epoch = c.epoch)
       UNION ALL SELECT 'reset' FROM password_resets WHERE account_id = $1 AND ended_at IS NULL`,
      [id],
    );

  /** It holds nothing of its client and its owner, and so waits for nobody. */
  const UNHELD = 'an access token of its client';

  it(`while it is being disabled: ${UNHELD} is issued, and refused from the moment that it is disabled`, async () => {
    const held = await everything();
    const door = doors.find(([name]) => name === UNHELD)?.[1];
    const lock = 'SELECT 1 FROM password_resets WHERE id = $1 FOR UPDATE';
    const [disabling, present] = await whileLocked(database, lock, [held.resetId], async () => {
      const disabling = change(held.id, { disabled: true });
      await waiting(database, 1);
      const present = await door?.(held, server);
      expect((await present?.())?.status).toBe(200);
      return [disabling, present] as const;
    });
    expect((await disabling).status).toBe(200);
    expect((await present?.())?.status).toBe(401);
    expect(await liveRows(held.id)).toEqual([]);
    await change(held.id, { disabled: false });
    expect((await present?.())?.status).toBe(401);
  });

  const waitingDoors = doors.filter(([name]) => name !== UNHELD);

  it.each(waitingDoors)('while it is being disabled: %s waits, and is refused', async (_, door) => {
    const held = await everything();
    const lock = 'SELECT 1 FROM password_resets WHERE id = $1 FOR UPDATE';
    const [disabling, ...opening] = await whileLocked(database, lock, [held.resetId], async () => {
      const disabling = change(held.id, { disabled: true });
      await waiting(database, 1);
      const opening = [server, replica].map((at) => door(held, at));
      await waiting(database, 3);
      return [disabling, ...opening] as const;
    });
    expect((await disabling).status).toBe(200);
    expect(await Promise.all(opening)).toEqual([undefined, undefined]);
    expect(await liveRows(held.id)).toEqual([]);
  });

  it('at the same moment as it uses every door, on both replicas: what was opened is refused afterwards', async () => {
    let [openedOnce, refusedOnce] = [0, 0];
    // Until both have been seen, on whatever machine.
    for (let round = 0; round < 4 || (round < 16 && (openedOnce === 0 || refusedOnce === 0)); round += 1) {
      const held = await everything();
      const opening = doors.flatMap(([, door]) => [door(held, server), door(held, replica)]);
      await sleep(round * 8);
      expect((await change(held.id, { disabled: true })).status).toBe(200);
      expect(await opened(held)).toEqual(NONE);
      for (const present of await Promise.all(opening)) {
        if (present) expect((await present()).status).toBe(401);
        if (present) openedOnce += 1;
        else refusedOnce += 1;
      }
      expect(await liveRows(held.id)).toEqual([]);
      await eventually(async () => {
        expect(await opened(held, replica)).toEqual(NONE);
      }, AT_WORST);
    }
    expect([openedOnce > 0, refusedOnce > 0]).toEqual([true, true]);
  });
});

afterAllOfThis('ending');
