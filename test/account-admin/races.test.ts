import { describe, expect, it } from '@jest/globals';
import { Bootstrap } from '../../src/bootstrap/bootstrap.service.js';
import {
  ACCOUNTS,
  admin,
  afterAllOfThis,
  change,
  database,
  everything,
  get,
  GONE,
  HANDLE,
  handleOf,
  invalid,
  mailsAbout,
  make,
  newName,
  newTarget,
  outcome,
  patch,
  pathOf,
  post,
  publisher,
  remove,
  replica,
  server,
  type Server,
  signIn,
  stored,
  withAdmins,
} from '../support/account-admin.js';
import { waiting, whileLocked } from '../support/locks.js';
import { newAccessToken, newClient, type Client } from '../support/oauth.js';
import { bearer, newEmail, signUp, type Answer } from '../support/server.js';
import {
  changeAccount,
  logIn,
  rowOf,
  signedInAdmin,
  signedInUser,
  tokenHeaders,
  type User,
} from '../support/tokens.js';

withAdmins();

const LAST_ADMIN = [
  409,
  { errors: { request: 'This is the last enabled admin who can sign in. Create another admin first.' } },
];
const statusesOf = (answers: Answer[]) => answers.map(({ status }) => status).sort();
const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);
const atOnce = <T>(count: number, act: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => act(index)));

/** What PostgreSQL had to break up since this was last asked, if anything: it is told as 503. */
function deadlocks(): string[] {
  const found = server.logs.slice(logsSeen).filter((line) => line.includes('40P01'));
  logsSeen = server.logs.length;
  return found;
}

let logsSeen = 0;

describe('Twenty of the same at once', () => {
  it('are changes that all succeed', async () => {
    for (const body of [
      { name: newName(), networks: ['198.51.100.0/24', '2001:db8::/32'], email_domains: ['example.org'] },
      { email: newEmail() },
      { role: 'admin' },
      { password: null },
      { disabled: true },
      { disabled: false, role: 'user' },
    ]) {
      const { id } = await make();
      const answers = await atOnce(20, (index) => change(id, body, admin.headers, index % 2 ? server : replica));
      expect([body, statusesOf(answers)]).toEqual([body, times(20, 200)]);
    }
  });

  it('are one deletion and nineteen 404', async () => {
    const { id } = await make();
    const answers = await atOnce(20, () => remove(pathOf(id)));
    expect(statusesOf(answers)).toEqual([204, ...times(19, 404)]);
  });

  it('are one account and nineteen conflicts, by its email as by its name', async () => {
    const email = newEmail();
    const byEmail = await atOnce(20, (index) => post(ACCOUNTS, { email: index % 2 ? email : email.toUpperCase() }));
    expect(statusesOf(byEmail)).toEqual([201, ...times(19, 409)]);
    const name = newName();
    const byName = await atOnce(20, () => post(ACCOUNTS, { individual: false, name }));
    expect(statusesOf(byName)).toEqual([201, ...times(19, 409)]);
    expect(await mailsAbout(email)).toHaveLength(
      (byEmail.find(({ status }) => status === 201)?.body.email as string) === email ? 1 : 0,
    );
  });

  it('are twenty ends of everything, and one end of a session', async () => {
    const { id, sid } = await newTarget();
    const ends = await atOnce(20, () => remove(`${pathOf(id)}/sessions/${sid}`));
    expect(statusesOf(ends)).toEqual([204, ...times(19, 404)]);
    expect(statusesOf(await atOnce(20, () => post(`${pathOf(id)}/revoke`)))).toEqual(times(20, 204));
    expect((await stored(id))?.credential_epoch).toBe(20);
  });

  it('are two who want the same email, of whom one gets it', async () => {
    const [one, other] = [await make(), await make()];
    const email = newEmail();
    const answers = await Promise.all([one, other].map(({ id }) => change(id, { email })));
    expect(statusesOf(answers)).toEqual([200, 409]);
    // Each wants what the other has: an email that was given up is kept for its holder.
    const [first, second] = [await make(), await make()];
    const swapped = await Promise.all([
      change(first.id, { email: second.email }),
      change(second.id, { email: first.email }),
    ]);
    expect(statusesOf(swapped)).toEqual([409, 409]);
  });

  it('have not had to wait for each other in a circle', () => {
    expect(deadlocks()).toEqual([]);
  });
});

describe('Acts that meet on many tokens', () => {
  const MANY = 20;

  /** Tokens that are on disk in another order than that of their ids. @returns the one in the middle */
  async function fill(kind: string, columns: string, values: unknown[]): Promise<unknown> {
    const rows = await database.query<{ id: string }>(
      `INSERT INTO tokens (id, kind, digest, hint, scopes, expires_at, ${columns})
       SELECT id, $1, sha256(id::text::bytea), 'test', '{accounts:read}', now() + interval '1 hour',
         ${values.map((_, index) => `$${index + 2}`).join(', ')}
       FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, ${MANY}) ORDER BY 1 DESC) AS ids RETURNING id`,
      [kind, ...values],
    );
    return rows[MANY / 2]?.id;
  }

  const changePassword = ({ id, email, jwt }: { id: string; email: string; jwt: string }) =>
    server.call('PUT', `/accounts/${id}`, { account: { email, password: 'another example' } }, bearer(jwt));

  /** An organisation that signs in, an admin, and a client. */
  interface Meeting {
    holder: Awaited<ReturnType<typeof newTarget>>;
    asker: User & { jwt: string };
    client: Client;
  }

  const pathOfClient = ({ client }: Meeting) => `/api/v1/oauth_clients/${client.id}`;

  type Act = (meeting: Meeting) => Promise<Answer>;

  /** Acts on an organisation, and on an admin who has tokens on behalf of it. */
  const ON_HOLDER: [name: string, act: Act][] = [
    ['they change the password', ({ holder }) => changePassword(holder)],
    ['all of them is revoked', ({ holder }) => post(`${pathOf(holder.id)}/revoke`)],
    ['they are deleted', ({ holder }) => remove(pathOf(holder.id))],
    ['they are deleted by a client', ({ holder }) => remove(`/api/accounts/${holder.id}`, publisher.basic)],
  ];
  const ON_ASKER: [name: string, act: Act][] = [
    ['an admin who acts for them is demoted', ({ asker }) => change(asker.id, { role: 'user' })],
    ['an admin who acts for them is deleted', ({ asker }) => remove(pathOf(asker.id))],
    ['an admin who acts for them changes the password', ({ asker }) => changePassword(asker)],
  ];
  /** Acts on a client, and on the admin who answers for it. */
  const ON_CLIENT: [name: string, act: Act][] = [
    ['its tokens are revoked', (meeting) => post(`${pathOfClient(meeting)}/revoke`)],
    ['it loses scopes', (meeting) => patch(pathOfClient(meeting), { scopes: [] })],
    ['it is deleted', (meeting) => remove(pathOfClient(meeting))],
  ];
  const ON_OWNER: [name: string, act: Act][] = [
    ['all of its owner is revoked', ({ asker }) => post(`${pathOf(asker.id)}/revoke`)],
    ['its owner is disabled', ({ asker }) => change(asker.id, { disabled: true })],
  ];

  const crossed = (some: typeof ON_HOLDER, others: typeof ON_HOLDER) =>
    some.flatMap(([one, act]) => others.map(([other, also]): [string, Act, Act] => [`${one}, ${other}`, act, also]));

  /** Both acts have some of the tokens when they are let go. */
  async function meet(token: 'on behalf' | 'of a client', acts: [Act, Act]): Promise<void> {
    const [holder, asker] = [await newTarget(), await signedInAdmin(server)];
    await database.query('UPDATE accounts SET individual = false, name = $2 WHERE id = $1', [holder.id, newName()]);
    const jwt = (await signIn(asker.email, asker.password)).body.token as string;
    const client = await newClient(server, token === 'of a client' ? { ownerId: asker.id } : {});
    const middle = await (token === 'of a client'
      ? fill('oauth', 'client_id', [client.id])
      : fill('user', 'account_id, actor_id', [holder.id, asker.id]));
    const answers = await whileLocked(database, 'SELECT 1 FROM tokens WHERE id = $1 FOR UPDATE', [middle], async () => {
      const meeting: Promise<Answer>[] = [];
      for (const act of acts) {
        meeting.push(act({ holder, asker: { ...asker, jwt }, client }));
        await waiting(database, meeting.length);
      }
      return meeting;
    });
    for (const { status } of await Promise.all(answers)) expect([200, 204]).toContain(status);
    expect(deadlocks()).toEqual([]);
  }

  it.each(crossed(ON_HOLDER, ON_ASKER))('do not wait for each other in a circle: %s', async (_, ...acts) => {
    await meet('on behalf', acts);
  });

  it.each(crossed(ON_CLIENT, ON_OWNER))('do not wait for each other in a circle: %s', async (_, ...acts) => {
    await meet('of a client', acts);
  });

  it('leave no client to an account that is deleted while it is to be its owner', async () => {
    const owner = await signedInAdmin(server);
    const client = await newClient(server, { ownerId: admin.id });
    const [removing, giving] = await whileLocked(database, HANDLE, await handleOf(owner), async () => {
      const removing = remove(pathOf(owner.id));
      await waiting(database, 1);
      const giving = patch(`/api/v1/oauth_clients/${client.id}`, { owner: owner.id });
      await waiting(database, 2);
      return [removing, giving];
    });
    expect(outcome(await removing)).toEqual(GONE);
    expect(outcome(await giving)).toEqual(invalid({ owner: 'is not an enabled admin' }));
    expect((await get(`/api/v1/oauth_clients/${client.id}`)).body.owner).toBe(admin.id);
  });

  it('leave no access token that was asked for while all of its owner is revoked', async () => {
    const held = await everything();
    const [revoking, asked] = await whileLocked(database, HANDLE, await handleOf(held), async () => {
      const revoking = post(`${pathOf(held.id)}/revoke`);
      await waiting(database, 1);
      const asked = await newAccessToken(server, held.client);
      expect((await get('/api', bearer(asked))).status).toBe(200);
      return [revoking, asked];
    });
    expect((await revoking).status).toBe(204);
    expect((await get('/api', bearer(asked))).status).toBe(401);
  });
});

describe('The last enabled admin', () => {
  const enabledAdmins = () =>
    database.query<{ id: string }>(`SELECT id FROM accounts WHERE role = 'admin' AND disabled_at IS NULL`);

  /** So many admins who are signed in, and no others. */
  async function lone(count: number): Promise<User[]> {
    const others = await enabledAdmins();
    const admins: User[] = [];
    for (let index = 0; index < count; index += 1) admins.push(await signedInAdmin(server));
    for (const { id } of others) {
      await changeAccount(server, id, 'UPDATE accounts SET disabled_at = now() WHERE id = $1');
    }
    return admins;
  }

  type Act = (id: string, by: User, at?: Server) => Promise<Answer>;

  const acts: [name: string, act: Act][] = [
    ['demoted', (id, { headers }, at) => change(id, { role: 'user' }, headers, at)],
    ['disabled', (id, { headers }, at) => change(id, { disabled: true }, headers, at)],
    ['deleted', (id, { headers }, at) => remove(pathOf(id), headers, at)],
  ];

  it.each(acts)(
    'cannot be %s, twenty times at once as well, and nothing else of the same request is done',
    async (_, act) => {
      const [last] = (await lone(1)) as [User];
      const before = await stored(last.id);
      expect(outcome(await act(last.id, last))).toEqual(LAST_ADMIN);
      const answers = await atOnce(20, (index) => act(last.id, last, index % 2 ? server : replica));
      expect(answers.map(outcome)).toEqual(times(20, LAST_ADMIN));
      const both = { name: newName(), email: newEmail(), password: null, role: 'user', disabled: true, networks: [] };
      expect(outcome(await change(last.id, both, last.headers))).toEqual(LAST_ADMIN);
      expect(await stored(last.id)).toEqual(before);
      expect((await get(ACCOUNTS, last.headers)).status).toBe(200);
    },
  );

  it('can be anything else: another name, another email, signed out everywhere', async () => {
    const [last] = (await lone(1)) as [User];
    const same = { role: 'admin', disabled: false, name: newName() };
    expect((await change(last.id, same, last.headers)).status).toBe(200);
    expect(outcome(await post(`${pathOf(last.id)}/revoke`, undefined, last.headers))).toEqual(GONE);
    expect((await get(ACCOUNTS, last.headers)).status).toBe(401);
  });

  it('is not last while there is another, and is when that one is disabled or a user', async () => {
    const [one, other] = (await lone(2)) as [User, User];
    expect((await change(other.id, { disabled: true }, one.headers)).status).toBe(200);
    for (const [, act] of acts) expect(outcome(await act(one.id, one))).toEqual(LAST_ADMIN);
    // Whoever is disabled is no enabled admin, and can be anything.
    expect((await change(other.id, { role: 'user' }, one.headers)).status).toBe(200);
    expect((await change(other.id, { role: 'admin' }, one.headers)).status).toBe(200);
    for (const [, act] of acts) expect(outcome(await act(one.id, one))).toEqual(LAST_ADMIN);
    expect((await change(other.id, { disabled: false }, one.headers)).status).toBe(200);
    expect((await change(one.id, { role: 'user' }, one.headers)).status).toBe(200);
    expect((await enabledAdmins()).map(({ id }) => id)).toEqual([other.id]);
  });

  /** What such races may be answered: whoever comes second is no admin any more, or the last one. */
  const ALLOWED = [200, 204, 401, 403, 409];

  it.each(
    acts.flatMap(([one, act]) => acts.map(([other, also]): [string, string, Act, Act] => [one, other, act, also])),
  )('is left when one is %s and another %s, each by the other at the same moment', async (_, __, act, also) => {
    for (let round = 0; round < 3; round += 1) {
      const [one, other] = (await lone(2)) as [User, User];
      const answers = await Promise.all([
        act(other.id, one, round % 2 ? server : replica),
        also(one.id, other, server),
      ]);
      const statuses = statusesOf(answers);
      expect(statuses.filter((status) => !ALLOWED.includes(status))).toEqual([]);
      expect(statuses.filter((status) => status < 300)).toHaveLength(1);
      expect(await enabledAdmins()).toHaveLength(1);
    }
  });

  it('is left when three do all of this to each other and to themselves at once, five times', async () => {
    for (let round = 0; round < 5; round += 1) {
      const admins = await lone(3);
      const answers = await Promise.all(
        admins.flatMap((by, index) =>
          admins.flatMap((of, number) =>
            acts
              .slice((round + index + number) % acts.length)
              .slice(0, 1)
              .map(([, act]) => act(of.id, by, (index + number) % 2 ? server : replica)),
          ),
        ),
      );
      const statuses = statusesOf(answers);
      // 404: somebody deleted them before.
      expect(statuses.filter((status) => ![...ALLOWED, 404].includes(status))).toEqual([]);
      const [left, ...others] = await enabledAdmins();
      expect([left !== undefined, others]).toEqual([true, []]);
      expect(statuses.filter((status) => status < 300).length).toBeGreaterThanOrEqual(2);
    }
    expect(deadlocks()).toEqual([]);
  });

  it('is left when one makes another an admin while being demoted', async () => {
    const [one, other] = (await lone(2)) as [User, User];
    const { id } = await signUp(server);
    const answers = await Promise.all([
      change(id, { role: 'admin' }, one.headers),
      change(one.id, { role: 'user' }, other.headers),
      change(other.id, { disabled: true }, one.headers),
    ]);
    expect(statusesOf(answers).filter((status) => !ALLOWED.includes(status))).toEqual([]);
    expect((await enabledAdmins()).length).toBeGreaterThan(0);
  });
});

describe('When no App-Token is left that anybody could use', () => {
  const restore = () => server.app.get(Bootstrap).generated();

  /** Says that all App-Tokens have expired but one, and what is done to that one. */
  const ends: [name: string, end: (token: { id: string; owner: User }) => Promise<unknown>][] = [
    ['is revoked', ({ owner }) => post(`${pathOf(owner.id)}/revoke`, undefined, owner.headers)],
    ['is deleted', ({ id, owner }) => remove(`/api/v1/app_tokens/${id}`, owner.headers)],
    ['has expired', ({ id }) => database.query('UPDATE tokens SET expires_at = now() WHERE id = $1', [id])],
    ['is of somebody who is disabled', ({ owner }) => change(owner.id, { disabled: true }, owner.headers)],
    [
      'has a scope, and is of somebody who is no admin any more',
      ({ owner }) => change(owner.id, { role: 'user' }, owner.headers),
    ],
    ['is of somebody who is deleted', ({ owner }) => remove(pathOf(owner.id), owner.headers)],
  ];

  it.each(ends)('as the last one %s, one is made for the oldest enabled admin, and only then', async (_, end) => {
    await database.query(`UPDATE accounts SET disabled_at = now() WHERE role = 'admin'`);
    const [oldest, owner] = [await signedInAdmin(server), await signedInAdmin(server)];
    const { id } = await rowOf(database, owner.appToken);
    await database.query(`UPDATE tokens SET expires_at = now() WHERE kind = 'app' AND id <> $1`, [id]);
    expect(await restore()).toBeUndefined();
    await end({ id, owner });
    const made = await restore();
    expect(made).toEqual({ appToken: expect.stringMatching(/^[0-9a-f]{32}$/) });
    expect(await rowOf(database, made?.appToken ?? '')).toMatchObject({ account_id: oldest.id, scopes: ['frontend'] });
    expect(await restore()).toBeUndefined();
    const token = await logIn(server, made?.appToken ?? '', oldest);
    expect((await get(ACCOUNTS, tokenHeaders(made?.appToken ?? '', token))).status).toBe(200);
  });

  it('a user’s own is enough, as an admin can log in with it', async () => {
    await database.query(`UPDATE tokens SET expires_at = now() WHERE kind = 'app'`);
    const holder = await signedInUser(server);
    expect(await restore()).toBeUndefined();
    await database.query(`UPDATE tokens SET expires_at = now() WHERE id = $1`, [
      (await rowOf(database, holder.appToken)).id,
    ]);
    // Asked for by two at once, it is one.
    const made = await atOnce(2, restore);
    expect(made.filter((one) => one !== undefined)).toHaveLength(1);
  });
});

afterAllOfThis('races');
