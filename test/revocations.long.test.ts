import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { SecretKeys } from '../src/keys/secret-keys.js';
import { Revocations } from '../src/revocations/revocations.service.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { Line } from './support/line.js';
import { cleanUp, eventually, newFolder, ServerProcess } from './support/process.js';
import {
  bearer,
  claimsOf,
  signUp,
  startServer,
  TEST_SECRET_KEY,
  type Answer,
  type TestServer,
} from './support/server.js';
import { Statements } from './support/statements.js';
import { newApiToken, newAppToken, oboToken, rowOf, signedInAdmin, signedInUser, type User } from './support/tokens.js';

/** What the replicas promise each other at worst, in milliseconds: after it nobody goes by what is remembered. */
const AT_WORST = 2_000;
/** In milliseconds: less than the minute for which a server remembers what it is not told about. */
const BEFORE_FORGOTTEN = 45_000;
const CHANNEL = 'latchkey_revocations';
const LISTENER = 'latchkey revocations';

let database: TestDatabase;
/** One of two servers on one database: what it revokes, the other one has to refuse. */
let here: TestServer;
/** In a process of its own, as passport's strategies are one set for each process; its database is at the end of the line. */
let there: ServerProcess;
let line: Line;
let statements: Statements;
let ear: Ear;
let admin: User;

beforeAll(async () => {
  database = await createDatabase();
  line = await Line.open(database.connection);
  const starting = ServerProcess.start({
    DATABASE_URL: line.url,
    DATA_DIR: newFolder(),
    PUBLIC_URL: 'http://latchkey.test',
    SECRET_KEY: TEST_SECRET_KEY,
    BCRYPT_COST: '4',
    RATE_LIMIT_PER_MINUTE: '0',
    RUN_MIGRATIONS: 'false',
  });
  statements = new Statements();
  here = await startServer(database.connection, { loginMaxFailures: 1_000 });
  ear = await Ear.open(database);
  admin = await signedInAdmin(here);
  there = await (await starting).ready();
});

afterEach(() => {
  line.thaw();
});

afterAll(async () => {
  statements.stop();
  await ear.close();
  await here.close();
  await cleanUp();
  await line.close();
  await database.drop();
});

/** Hears what is announced, as a replica does. */
class Ear {
  private readonly heard: string[] = [];
  private marks = 0;

  private constructor(private readonly client: pg.Client) {
    client.on('notification', ({ payload = '' }) => this.heard.push(payload));
  }

  static async open({ connection }: TestDatabase): Promise<Ear> {
    const client = new pg.Client(connection);
    await client.connect();
    await client.query(`LISTEN ${CHANNEL}`);
    return new Ear(client);
  }

  /** @returns what was announced meanwhile */
  async during(act: () => Promise<unknown>): Promise<string[]> {
    const begun = await this.hearAll();
    await act();
    const end = await this.hearAll();
    return this.heard.slice(begun + 1, end).filter((payload) => !payload.startsWith('heartbeat '));
  }

  /** Waits for all that was announced before. @returns the place of the mark that it ends with */
  private async hearAll(): Promise<number> {
    // Notifications come in the order of the commits.
    this.marks += 1;
    const mark = `mark ${this.marks}`;
    await this.client.query('SELECT pg_notify($1, $2)', [CHANNEL, mark]);
    await eventually(() => {
      expect(this.heard).toContain(mark);
    });
    return this.heard.indexOf(mark);
  }

  close(): Promise<void> {
    return this.client.end();
  }
}

type Server = Pick<TestServer, 'call'>;

/** Something that is presented with a request, and where it is stored. */
interface Credential {
  table: 'tokens' | 'sessions';
  id: string;
  present: (server: Server) => Promise<Answer>;
}

async function tokenCredential(secret: string, present: Credential['present']): Promise<Credential> {
  return { table: 'tokens', id: (await rowOf(database, secret)).id, present };
}

function sessionCredential(token: string): Credential {
  const { sid, data } = claimsOf(token);
  const present = (server: Server) => server.call('GET', `/accounts/${data.id}`, undefined, bearer(token));
  return { table: 'sessions', id: sid, present };
}

const apiCredential = (token: string) =>
  tokenCredential(token, (server) => server.call('GET', '/v1/api/auth', undefined, bearer(token)));

/** An App-Token, shown where nothing else is asked for. */
const appCredential = (appToken: string) =>
  tokenCredential(appToken, (server) =>
    server.call('GET', '/v1/frontend/auth/nobody', undefined, { 'app-token': appToken }),
  );

const userCredential = (token: string) =>
  tokenCredential(token, (server) =>
    server.call('GET', '/api/v1/tokens/', undefined, { 'app-token': admin.appToken, token }),
  );

const setRevoked = ({ table, id }: Credential, revoked: boolean) =>
  database.query(`UPDATE ${table} SET revoked_at = ${revoked ? 'now()' : 'NULL'} WHERE id = $1`, [id]);

/** Whether a server accepts a credential. Neither yes nor no is a failure of the test. */
async function accepts(server: Server, credential: Credential): Promise<boolean> {
  const { status, body } = await credential.present(server);
  if (status === 200) return true;
  if (status === 401) return false;
  throw new Error(`A credential was answered ${status}: ${JSON.stringify(body)}`);
}

/** Whether a server goes by what it remembers: then it does not see what is changed behind its back. */
async function remembers(server: Server, credential: Credential): Promise<boolean> {
  if (!(await accepts(server, credential))) throw new Error('A good credential was refused.');
  await setRevoked(credential, true);
  const accepted = await accepts(server, credential);
  await setRevoked(credential, false);
  return accepted;
}

/** Has a server remember a credential, for sure; a server that has just been disconnected needs a moment. */
async function warm(server: Server, credential: Credential): Promise<void> {
  await eventually(async () => {
    if (!(await remembers(server, credential))) throw new Error('It is looked up each time.');
  });
}

let gatewayAccounts = 0;

async function apiToken(): Promise<{ account: string; token: string; credential: Credential }> {
  gatewayAccounts += 1;
  const account = `GATEWAY ACCOUNT ${gatewayAccounts}`;
  const token = await newApiToken(here, admin.appToken, account);
  return { account, token, credential: await apiCredential(token) };
}

const frontend = (method: string, account: string, path = '', body?: unknown) =>
  here.call(method, `/v1/frontend/auth/${encodeURIComponent(account)}${path}`, body, { 'app-token': admin.appToken });

const signOut = (token: string) => here.call('DELETE', '/account/session', undefined, bearer(token));

const refresh = (refresh_token: string) =>
  here.call('PUT', '/account/session', { account: { refresh_token, remember_me: true } });

const changePassword = ({ id, email, token }: { id: string; email: string; token: string }) =>
  here.call('PUT', `/accounts/${id}`, { account: { email, password: 'another example' } }, bearer(token));

async function resetPassword(id: string, email: string): Promise<Answer> {
  await here.call('POST', '/account/password', { account: { email } });
  const [reset] = await database.query<{ id: string }>('SELECT id FROM password_resets WHERE account_id = $1', [id]);
  const reset_password_token = here.app.get(SecretKeys).sign('password-reset', reset?.id ?? '');
  return here.call('PUT', '/account/password', { account: { password: 'another example', reset_password_token } });
}

/** What an operator does by hand, as README says. */
const disable = (accountId: string) =>
  database.query(
    `WITH disabled AS (UPDATE accounts SET disabled_at = now() WHERE id = $1 RETURNING id)
     SELECT pg_notify('${CHANNEL}', 'account ' || id) FROM disabled`,
    [accountId],
  );

/** Signs in at the JWT door and at the other. */
async function twofold() {
  const user = await signedInUser(here);
  const { body } = await here.call('POST', '/account/session', {
    account: { email: user.email, password: user.password },
  });
  return { ...user, jwt: body.token as string };
}

interface Revocation {
  credentials: Credential[];
  revoke: () => Promise<unknown>;
  /** What is announced, if not by the test itself. */
  announced?: string;
}

const ways: [name: string, prepare: () => Promise<Revocation>][] = [
  [
    'an API token, by its link',
    async () => {
      const { account, credential } = await apiToken();
      const revoke = () => frontend('DELETE', account, '', { token_link: credential.id });
      return { credentials: [credential], revoke, announced: `token ${credential.id}` };
    },
  ],
  [
    'an API token, by itself',
    async () => {
      const { account, token, credential } = await apiToken();
      const revoke = () => frontend('DELETE', account, '', { token });
      return { credentials: [credential], revoke, announced: `token ${credential.id}` };
    },
  ],
  [
    'all API tokens of an account',
    async () => {
      const { account, credential } = await apiToken();
      const other = await apiCredential(await newApiToken(here, admin.appToken, account));
      const revoke = () => frontend('DELETE', account, '/revoke-all');
      return { credentials: [credential, other], revoke, announced: `gateway ${account}` };
    },
  ],
  ...(['DELETE', 'PATCH'] as const).flatMap((method): typeof ways => {
    const body = method === 'PATCH' ? { seconds_until_expire: -1 } : undefined;
    const how = method === 'PATCH' ? 'by expiring it' : 'by deleting it';
    return [
      [
        `an App-Token, ${how}`,
        async () => {
          const credential = await appCredential(await newAppToken(here, admin, { scopes: ['frontend'] }));
          const revoke = () => here.call(method, `/api/v1/app_tokens/${credential.id}`, body, admin.headers);
          return { credentials: [credential], revoke, announced: `token ${credential.id}` };
        },
      ],
      [
        `a user token, ${how}`,
        async () => {
          const user = await signedInUser(here);
          const credential = await userCredential(user.token);
          const revoke = () => here.call(method, `/api/v1/tokens/${user.token}`, body, user.headers);
          return { credentials: [credential], revoke, announced: `token ${credential.id}` };
        },
      ],
    ];
  }),
  [
    'a session and a user token, by signing out',
    async () => {
      const { id, jwt, token } = await twofold();
      const credentials = [sessionCredential(jwt), await userCredential(token)];
      return { credentials, revoke: () => signOut(jwt), announced: `account ${id}` };
    },
  ],
  [
    'a session, a user token and one on behalf of the account, by a change of the password',
    async () => {
      const { id, email, jwt, token } = await twofold();
      const credentials = [
        sessionCredential(jwt),
        await userCredential(token),
        await userCredential(await oboToken(here, admin, id)),
      ];
      return { credentials, revoke: () => changePassword({ id, email, token: jwt }), announced: `account ${id}` };
    },
  ],
  [
    'a session, a user token and one on behalf of the account, by a reset of the password',
    async () => {
      const { id, email, jwt, token } = await twofold();
      const credentials = [
        sessionCredential(jwt),
        await userCredential(token),
        await userCredential(await oboToken(here, admin, id)),
      ];
      return { credentials, revoke: () => resetPassword(id, email), announced: `account ${id}` };
    },
  ],
  [
    'a session, by using a refresh token again',
    async () => {
      const { token, refreshToken } = await signUp(here, { remember: true });
      const second = (await refresh(refreshToken)).body.refresh_token as string;
      await refresh(second);
      const credential = sessionCredential(token);
      const revoke = async () => {
        const { status } = await refresh(refreshToken);
        return { status: status === 401 ? 200 : status };
      };
      return { credentials: [credential], revoke, announced: `session ${credential.id}` };
    },
  ],
  [
    'all of an account, by disabling it in the database',
    async () => {
      const { id, jwt, token, headers } = await twofold();
      const credentials = [
        sessionCredential(jwt),
        await userCredential(token),
        await tokenCredential(headers['app-token'], async (server) => {
          const other = { 'app-token': headers['app-token'], token: admin.token };
          return server.call('GET', '/api/v1/tokens/', undefined, other);
        }),
      ];
      return { credentials, revoke: () => disable(id) };
    },
  ],
  [
    'a token on behalf of an account, by disabling who asked for it',
    async () => {
      const asker = await signedInAdmin(here);
      const { id } = await signUp(here);
      const credentials = [await userCredential(await oboToken(here, asker, id))];
      return { credentials, revoke: () => disable(asker.id) };
    },
  ],
];

/**
 * Waits until a server has heard that these are revoked: within 100 ms, the promise is, but a busy machine keeps
 * everybody waiting. What is never heard of is remembered for a minute, and what is heard of stays refused.
 *
 * @returns whether each is accepted afterwards
 */
async function untilRefused(server: Server, credentials: Credential[]): Promise<boolean[]> {
  const ask = () => Promise.all(credentials.map((credential) => accepts(server, credential)));
  await eventually(async () => {
    expect(await ask()).toEqual(credentials.map(() => false));
  }, BEFORE_FORGOTTEN);
  return ask();
}

describe('What is revoked on one server', () => {
  it.each(ways)('is refused at once there and within 100 ms on the other: %s', async (_, prepare) => {
    const { credentials, revoke, announced } = await prepare();
    for (const credential of credentials) {
      await warm(there, credential);
      await warm(here, credential);
    }
    let atOnce: boolean[] = [];
    let soon: boolean[] = [];
    const heard = await ear.during(async () => {
      const answer = await revoke();
      if (announced !== undefined) {
        expect([200, 201, 204]).toContain((answer as Answer).status);
        atOnce = await Promise.all(credentials.map((credential) => accepts(here, credential)));
      }
      soon = await untilRefused(there, credentials);
    });
    expect(atOnce).toEqual(announced === undefined ? [] : credentials.map(() => false));
    expect(soon).toEqual(credentials.map(() => false));
    // One act is one announcement, however much it revokes.
    if (announced !== undefined) expect(heard).toEqual([announced]);
  });

  it('is announced only when something was revoked', async () => {
    const { account, credential } = await apiToken();
    const { token, refreshToken } = await signUp(here, { remember: true });
    await frontend('DELETE', account, '', { token_link: credential.id });
    await signOut(token);
    const heard = await ear.during(async () => {
      expect((await frontend('DELETE', account, '', { token_link: credential.id })).status).toBe(404);
      expect((await refresh(refreshToken)).status).toBe(401);
      expect((await signOut(token)).status).toBe(401);
      expect((await here.call('DELETE', `/api/v1/tokens/${credential.id}`, undefined, admin.headers)).status).toBe(404);
    });
    expect(heard).toEqual([]);
  });

  it('leaves alone what others hold', async () => {
    const [mine, other] = [await apiToken(), await apiToken()];
    for (const { credential } of [mine, other]) await warm(there, credential);
    await frontend('DELETE', mine.account, '/revoke-all');
    expect(await untilRefused(there, [mine.credential])).toEqual([false]);
    await setRevoked(other.credential, true);
    expect(await accepts(there, other.credential)).toBe(true);
  });

  it('comes back to life on both when it is an expiry that is moved forth again', async () => {
    const user = await signedInUser(here);
    const credential = await userCredential(user.token);
    const path = `/api/v1/tokens/${credential.id}`;
    await warm(there, credential);
    await here.call('PATCH', path, { seconds_until_expire: 0 }, admin.headers);
    expect(await accepts(here, credential)).toBe(false);
    expect(await untilRefused(there, [credential])).toEqual([false]);
    await here.call('PATCH', path, { seconds_until_expire: 60 }, admin.headers);
    expect([await accepts(here, credential), await accepts(there, credential)]).toEqual([true, true]);
  });
});

describe('A revocation that races with checks', () => {
  interface Course {
    isOver: boolean;
    /** Between two checks, in milliseconds. */
    pause: number;
  }

  interface Check {
    begun: number;
    ended: number;
    accepted: boolean;
  }

  /** When each check began and ended and whether it was accepted; the last ones begin when it is over. */
  async function checkDuring(course: Course, server: Server, credential: Credential, checks: Check[]) {
    const worker = async () => {
      let isLast: boolean;
      do {
        isLast = course.isOver;
        const begun = performance.now();
        const accepted = await accepts(server, credential);
        checks.push({ begun, ended: performance.now(), accepted });
        if (course.pause > 0) await sleep(course.pause);
      } while (!isLast);
    };
    await Promise.all(Array.from({ length: 4 }, worker));
  }

  /** @param known whether both servers have accepted it before it is revoked; otherwise it may be new to them */
  async function race(credential: Credential, known: boolean, revoke: () => Promise<unknown>) {
    const course: Course = { isOver: false, pause: 0 };
    const checksHere: Check[] = [];
    const checksThere: Check[] = [];
    const both = [checksHere, checksThere];
    const until = (accepted: boolean) =>
      eventually(() => {
        for (const checks of both) expect(checks.map((check) => check.accepted)).toContain(accepted);
      }, BEFORE_FORGOTTEN);
    const checking = [
      checkDuring(course, here, credential, checksHere),
      checkDuring(course, there, credential, checksThere),
    ];
    if (known) await until(true);
    await sleep(Math.random() * 15);
    await revoke();
    const answered = performance.now();
    await sleep(20);
    course.pause = 5;
    await until(false);
    await sleep(100);
    course.isOver = true;
    await Promise.all(checking);
    const acceptedAfter = (checks: Check[], moment: number) =>
      checks.filter(({ begun, accepted }) => accepted && begun > moment).length;
    const isMixed = both.map((checks) => checks.some(({ accepted }) => accepted));
    const isRefused = both.map((checks) => checks.some(({ accepted }) => !accepted));
    // When it has been heard of there: the order of events counts, not how long the machine took over them.
    const heard = Math.min(...checksThere.filter(({ accepted }) => !accepted).map(({ ended }) => ended));
    return {
      accepted: isMixed.every(Boolean),
      refused: isRefused.every(Boolean),
      wronglyHere: acceptedAfter(checksHere, answered),
      wronglyThere: acceptedAfter(checksThere, heard),
    };
  }

  it('never has an API token accepted after it was answered, in 25 races', async () => {
    let mixed = 0;
    for (let round = 0; round < 25; round += 1) {
      const { account, credential } = await apiToken();
      const result = await race(credential, round % 2 === 0, () => frontend('DELETE', account, '/revoke-all'));
      expect(result).toMatchObject({ refused: true, wronglyHere: 0, wronglyThere: 0 });
      if (result.accepted) mixed += 1;
    }
    expect(mixed).toBeGreaterThan(5);
  });

  it('never has a session accepted after a sign-out was answered, in 10 races', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { token } = await signUp(here);
      const result = await race(sessionCredential(token), round % 2 === 0, () => signOut(token));
      expect(result).toMatchObject({ refused: true, wronglyHere: 0, wronglyThere: 0 });
    }
  });

  it('of fifty revocations of one token, one is answered 200 and announced, and 49 are 404', async () => {
    const { account, credential } = await apiToken();
    let statuses: number[] = [];
    const heard = await ear.during(async () => {
      const revoke = () => frontend('DELETE', account, '', { token_link: credential.id });
      statuses = (await Promise.all(Array.from({ length: 50 }, revoke))).map(({ status }) => status);
    });
    expect(statuses.sort()).toEqual([200, ...Array<number>(49).fill(404)]);
    expect(heard).toEqual([`token ${credential.id}`]);
  });
});

describe('Checks', () => {
  it('of one API token for the first time, fifty at once, are one query', async () => {
    const { credential } = await apiToken();
    const sent = await statements.during(async () => {
      const accepted = await Promise.all(Array.from({ length: 50 }, () => accepts(here, credential)));
      expect(accepted).toEqual(Array(50).fill(true));
    });
    expect(sent.map(({ text }) => text)).toEqual([expect.stringContaining('FROM tokens t')]);
  });

  it('of one session for the first time, fifty at once, are one query', async () => {
    const credential = sessionCredential((await signUp(here)).token);
    const sent = await statements.during(async () => {
      const accepted = await Promise.all(Array.from({ length: 50 }, () => accepts(here, credential)));
      expect(accepted).toEqual(Array(50).fill(true));
    });
    expect(sent.map(({ text }) => text)).toEqual([expect.stringContaining('FROM sessions s')]);
  });

  it('of what is remembered are no query at all', async () => {
    const { credential } = await apiToken();
    const session = sessionCredential((await signUp(here)).token);
    for (const each of [credential, session]) await warm(here, each);
    const sent = await statements.during(async () => {
      for (let round = 0; round < 100; round += 1) {
        expect(await accepts(here, credential)).toBe(true);
        expect(await accepts(here, session)).toBe(true);
      }
    });
    expect(sent).toEqual([]);
  });

  it('of garbage are none either', async () => {
    const { token } = await apiToken();
    const last = token.endsWith('a') ? 'b' : 'a';
    const sent = await statements.during(async () => {
      for (const wrong of ['x', token.slice(1), token.slice(0, -1) + last, token.toUpperCase()]) {
        expect((await here.call('GET', '/v1/api/auth', undefined, bearer(wrong))).status).toBe(401);
      }
    });
    expect(sent).toEqual([]);
  });

  it('of what is not good are one query each time, so that it is good as soon as it is made good', async () => {
    const { credential } = await apiToken();
    await setRevoked(credential, true);
    const sent = await statements.during(async () => {
      for (let round = 0; round < 3; round += 1) expect(await accepts(here, credential)).toBe(false);
    });
    // The other ones ask whether it was revoked, which the refusal says.
    expect(sent.filter(({ text }) => text.includes('"isLineageGood"'))).toHaveLength(3);
    await setRevoked(credential, false);
    expect(await accepts(here, credential)).toBe(true);
  });

  it('go by the database again after the life of the token, though nobody revoked it', async () => {
    const token = await oboToken(here, admin, (await signUp(here)).id, 5);
    const credential = await userCredential(token);
    expect(await remembers(here, credential)).toBe(true);
    await sleep(5_050);
    expect(await accepts(here, credential)).toBe(false);
  });
});

describe('A server whose listening connection', () => {
  const backends = () =>
    database.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = '${LISTENER}'`,
    );

  const said = (logs: string) => logs.split('the revocation channel is disconnected').length - 1;
  const saidBy = () => [said(here.logs.join('\n')), said(there.stdout)];

  /** Ends the listening connections of all servers, and waits until they have noticed. */
  async function cut(): Promise<void> {
    const before = saidBy();
    const pids = (await backends()).map(({ pid }) => pid);
    await database.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid', [pids]);
    await eventually(async () => {
      const left = (await backends()).map(({ pid }) => pid);
      expect(left.filter((pid) => pids.includes(pid))).toEqual([]);
    });
    await eventually(() => {
      expect(saidBy()).toEqual(before.map((times) => times + 1));
    });
  }

  it('is one, and in use, on each server', async () => {
    expect(await backends()).toHaveLength(2);
  });

  it('was cut accepts nothing wrongly, and remembers again by itself', async () => {
    const { account, credential } = await apiToken();
    await warm(there, credential);
    await cut();
    // Behind its back: nobody announces this, and the server must not need it.
    await setRevoked(credential, true);
    expect(await accepts(there, credential)).toBe(false);
    await setRevoked(credential, false);
    await warm(there, credential);
    await frontend('DELETE', account, '/revoke-all');
    expect(await untilRefused(there, [credential])).toEqual([false]);
    expect(await backends()).toHaveLength(2);
  });

  it('cannot come back looks everything up, says so once, and says when it hears again', async () => {
    const { credential } = await apiToken();
    const said = (text: string) => there.log.filter(({ msg }) => msg.includes(text)).length;
    const [warned, relieved] = [said('channel is disconnected'), said('channel is connected again')];
    await warm(there, credential);
    await cut();
    line.freeze((application) => application === LISTENER);
    for (let round = 0; round < 30; round += 1) {
      await sleep(100);
      expect(await remembers(there, credential)).toBe(false);
    }
    line.thaw();
    await warm(there, credential);
    await eventually(() => {
      expect([said('channel is disconnected') - warned, said('channel is connected again') - relieved]).toEqual([1, 1]);
    });
  });

  it('has fallen silent accepts what was revoked for two seconds at most, and gets itself a new one', async () => {
    const { account, credential } = await apiToken();
    const session = await signUp(here);
    const credentials = [credential, sessionCredential(session.token)];
    for (const each of credentials) await warm(there, each);
    const frozen = performance.now();
    line.freeze((application) => application === LISTENER);
    await frontend('DELETE', account, '/revoke-all');
    await signOut(session.token);
    const revoked = performance.now();
    // The proof that it does not hear: without the clock it would go on like this. A machine may be too busy for it.
    const isDeaf = await accepts(there, credential);
    if (performance.now() - frozen < AT_WORST / 2) expect(isDeaf).toBe(true);
    await sleep(AT_WORST - (performance.now() - revoked));
    for (const each of credentials) expect(await accepts(there, each)).toBe(false);
    // Hearing starts again on a new connection, with the old one still frozen.
    line.takeNewCalls();
    await warm(there, (await apiToken()).credential);
  });

  it('was given up is not believed when it speaks again', async () => {
    interface Inside {
      client: pg.Client | undefined;
      heartbeats: { sender: string; beat: number; send: () => Promise<void> }[];
      isConnected: () => boolean;
    }
    const channel = Reflect.get(here.app.get(Revocations), 'channel') as Inside;
    await eventually(() => {
      expect(channel.isConnected()).toBe(true);
    });
    const old = channel.client;
    old?.emit('error', new Error('cut'));
    const [heartbeat] = channel.heartbeats;
    await heartbeat?.send();
    old?.emit('notification', { payload: `heartbeat ${heartbeat?.sender} ${heartbeat?.beat}` });
    expect([old === undefined, channel.isConnected()]).toEqual([false, false]);
    await eventually(() => {
      expect(channel.isConnected()).toBe(true);
    });
  });
});

describe('A server', () => {
  it('whose requests cannot reach the database goes by what it remembers, as revocations are still heard of', async () => {
    const { account, credential } = await apiToken();
    const other = await apiToken();
    for (const each of [credential, other.credential]) await warm(there, each);
    line.freeze((application) => application === 'latchkey');
    const frozen = performance.now();
    await sleep(AT_WORST - (performance.now() - frozen));
    expect((await credential.present(there)).status).toBe(200);
    await frontend('DELETE', account, '/revoke-all');
    await eventually(async () => {
      expect((await credential.present(there)).status).toBe(503);
    });
    expect((await other.credential.present(there)).status).toBe(200);
    line.thaw();
    await eventually(async () => {
      expect((await credential.present(there)).status).toBe(401);
    });
  });

  it('that cannot reach the database at all answers 503 after two seconds at most, and recovers', async () => {
    const { credential } = await apiToken();
    await warm(there, credential);
    line.freeze(() => true);
    const frozen = performance.now();
    const { status } = await credential.present(there);
    // It goes by what it remembers, unless the machine was too busy to ask in time.
    if (performance.now() - frozen < AT_WORST / 2) expect(status).toBe(200);
    await sleep(AT_WORST - (performance.now() - frozen));
    const answers = await Promise.all(Array.from({ length: 8 }, () => credential.present(there)));
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(503));
    line.thaw();
    await eventually(async () => {
      expect(await accepts(there, credential)).toBe(true);
    });
    await warm(there, credential);
  });

  it('whose database has stopped altogether accepts nothing that was revoked meanwhile', async () => {
    const { account, credential } = await apiToken();
    await warm(there, credential);
    line.freeze(() => true);
    await frontend('DELETE', account, '/revoke-all');
    await sleep(AT_WORST);
    expect((await credential.present(there)).status).toBe(503);
    line.thaw();
    await eventually(async () => {
      expect(await accepts(there, credential)).toBe(false);
    });
  });

  it('that was itself stopped refuses what was revoked meanwhile, from the first answer', async () => {
    const { account, credential } = await apiToken();
    await warm(there, credential);
    there.kill('SIGSTOP');
    await frontend('DELETE', account, '/revoke-all');
    const waiting = Array.from({ length: 5 }, () => accepts(there, credential));
    await sleep(AT_WORST);
    there.kill('SIGCONT');
    expect(await Promise.all(waiting)).toEqual(Array(5).fill(false));
  });

  it('stops in good time though its listening connection is dead', async () => {
    const dead = await Line.open(database.connection);
    const server = await startServer(dead.connection);
    await eventually(() => {
      expect(server.app.get<Revocations, { isConnected: () => boolean }>(Revocations).isConnected()).toBe(true);
    });
    dead.freeze((application) => application === LISTENER);
    const begun = performance.now();
    await server.close();
    // A fraction of a second, unless the machine is busy; the connection is dead for as long as nobody closes it.
    expect(performance.now() - begun).toBeLessThan(30_000);
    await dead.close();
  });
});
