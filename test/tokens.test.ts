import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { migrations } from '../migrations/index.js';
import { SWEEP_LOCK } from '../src/database/locks.js';
import { migrationDataSource } from '../src/database/migrate.js';
import { Sweeper } from '../src/database/sweeper.service.js';
import { ForeignTokenStore } from '../src/tokens/foreign-tokens.store.js';
import { TokenLastUsed } from '../src/tokens/token-last-used.service.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { waiting, whileLocked } from './support/locks.js';
import { newAccessToken, newClient, postForm } from './support/oauth.js';
import { eventually } from './support/process.js';
import { bearer, claimsOf, startServer, type TestServer } from './support/server.js';
import { Statements, type Statement } from './support/statements.js';
import { newApiToken, rowOf, signedInAdmin, signedInUser, type User } from './support/tokens.js';

const RETENTION = 3_600;

let database: TestDatabase;
let server: TestServer;
let statements: Statements;
let admin: User;

beforeAll(async () => {
  database = await createDatabase();
  statements = new Statements();
  server = await startServer(database.connection, { tokenRetention: RETENTION });
  admin = await signedInAdmin(server);
});

afterAll(async () => {
  statements.stop();
  await server.close();
  await database.drop();
});

const check = (token: string, at: TestServer = server) =>
  at.call('GET', '/v1/api/auth', undefined, bearer(token)).then(({ status }) => status);

const lastUse = async (token: string) => (await rowOf(database, token)).last_used_at;

const newToken = (account = 'ACCOUNT') => newApiToken(server, admin.appToken, account);

const holdingTokens = (work: () => Promise<unknown>) =>
  whileLocked(database, 'LOCK TABLE tokens IN ACCESS EXCLUSIVE MODE', [], work);

/** Those that write when tokens were used: a server says other things meanwhile. */
const flushes = (sent: Statement[]) => sent.filter(({ text }) => text.includes('UPDATE tokens SET last_used_at ='));

/** From then on nothing is written but by the tests. */
function stopFlushing(): void {
  clearInterval(server.app.get<TokenLastUsed, { timer: NodeJS.Timeout }>(TokenLastUsed).timer);
}

describe('When a token was last used', () => {
  const flush = (of = server) => of.app.get(TokenLastUsed).flush();

  it('is written by itself a few seconds later', async () => {
    const token = await newToken();
    expect(await check(token)).toBe(200);
    await eventually(async () => {
      expect(await lastUse(token)).not.toBeNull();
    });
  });

  describe('is', () => {
    beforeAll(stopFlushing);

    it('written in one statement for all tokens, and never with a request', async () => {
      const tokens = [await newToken(), await newToken(), await newToken()];
      await flush();
      const during = await statements.allDuring(async () => {
        for (let round = 0; round < 10; round += 1) await Promise.all(tokens.map((token) => check(token)));
      });
      expect(flushes(during)).toEqual([]);
      expect(await Promise.all(tokens.map(lastUse))).toEqual([null, null, null]);
      const sent = flushes(await statements.allDuring(() => flush()));
      expect(sent).toHaveLength(1);
      expect((sent[0]?.values[0] as string[]).sort()).toEqual(
        (await Promise.all(tokens.map(async (token) => (await rowOf(database, token)).id))).sort(),
      );
      for (const token of tokens) expect(await lastUse(token)).not.toBeNull();
    });

    it('not written at all when nothing was used, or only what is not good', async () => {
      const token = await newToken();
      await database.query('UPDATE tokens SET revoked_at = now() WHERE id = $1', [(await rowOf(database, token)).id]);
      await flush();
      expect(await check(token)).toBe(401);
      expect(flushes(await statements.allDuring(() => flush()))).toEqual([]);
      expect(await lastUse(token)).toBeNull();
    });

    it('written later where the row was locked meanwhile, as by whoever acts with the token', async () => {
      const token = await newToken();
      const { id } = await rowOf(database, token);
      await flush();
      expect(await check(token)).toBe(200);
      await whileLocked(database, 'SELECT FROM tokens WHERE id = $1 FOR SHARE', [id], async () => {
        await flush();
        expect(await lastUse(token)).toBeNull();
      });
      await flush();
      expect(await lastUse(token)).not.toBeNull();
    });

    it('the time of the use, not of the writing', async () => {
      const token = await newToken();
      const [before] = await database.query<{ now: Date }>('SELECT clock_timestamp() AS now');
      expect(await check(token)).toBe(200);
      const [after] = await database.query<{ now: Date }>('SELECT clock_timestamp() AS now');
      await sleep(1_000);
      const [begun] = await database.query<{ now: Date }>('SELECT clock_timestamp() AS now');
      await flush();
      const [written] = await database.query<{ now: Date }>('SELECT clock_timestamp() AS now');
      const at = (await lastUse(token))?.getTime() ?? 0;
      // To the milliseconds that sending takes: no more than all of the writing.
      const sending = (written?.now.getTime() ?? 0) - (begun?.now.getTime() ?? 0);
      expect(at).toBeGreaterThanOrEqual((before?.now.getTime() ?? 0) - 1);
      expect(at).toBeLessThanOrEqual((after?.now.getTime() ?? 0) + sending + 1);
    });

    it('noted for App-Token and user token alike, and shown to their owner', async () => {
      const user = await signedInUser(server);
      expect((await server.call('GET', '/api/v1/tokens/', undefined, user.headers)).status).toBe(200);
      await flush();
      const { body } = await server.call('GET', `/api/v1/tokens/${user.token}`, undefined, user.headers);
      expect(new Date(body.last_used_at as string)).toEqual(await lastUse(user.token));
      expect(await lastUse(user.appToken)).not.toBeNull();
    });

    it("noted for a client's access token too, which nobody but the client shows", async () => {
      const token = await newAccessToken(server, await newClient(server));
      await flush();
      expect(await lastUse(token)).toBeNull();
      expect((await server.call('GET', '/api', undefined, bearer(token))).status).toBe(200);
      await flush();
      expect(await lastUse(token)).not.toBeNull();
    });

    it('never moved back, as when another server has written a later one', async () => {
      const token = await newToken();
      expect(await check(token)).toBe(200);
      const [{ at } = { at: new Date() }] = await database.query<{ at: Date }>(
        `UPDATE tokens SET last_used_at = now() + interval '1 hour' WHERE id = $1 RETURNING last_used_at AS at`,
        [(await rowOf(database, token)).id],
      );
      await flush();
      expect(await lastUse(token)).toEqual(at);
    });

    it('left out for a row that somebody else is changing: nobody waits', async () => {
      const [busy, free] = [await newToken(), await newToken()];
      for (const token of [busy, free]) expect(await check(token)).toBe(200);
      const { id } = await rowOf(database, busy);
      await whileLocked(database, 'SELECT 1 FROM tokens WHERE id = $1 FOR UPDATE', [id], async () => {
        await flush();
        expect([await lastUse(busy), (await lastUse(free)) === null]).toEqual([null, false]);
      });
    });

    it('not lost when it cannot be written for a while', async () => {
      const [early, late] = [await newToken(), await newToken()];
      expect(await check(early)).toBe(200);
      await holdingTokens(() => flush());
      expect(await lastUse(early)).toBeNull();
      expect(await check(late)).toBe(200);
      await flush();
      const [first, second] = [await lastUse(early), await lastUse(late)];
      // The attempt alone took its two seconds.
      expect((second?.getTime() ?? 0) - (first?.getTime() ?? Infinity)).toBeGreaterThan(2_000);
    });

    it('written when the server stops, for its last requests, too', async () => {
      const stopping = await startServer(database.connection);
      const [before, inFlight] = [await newToken(), await newToken()];
      expect(await check(before, stopping)).toBe(200);
      let stopped: Promise<void> | undefined;
      let answer: Promise<number> | undefined;
      await holdingTokens(async () => {
        answer = check(inFlight, stopping);
        await waiting(database, 1);
        stopped = stopping.close();
        await sleep(300);
      });
      expect(await answer).toBe(200);
      await stopped;
      expect(await lastUse(before)).not.toBeNull();
      expect(await lastUse(inFlight)).not.toBeNull();
    });
  });
});

describe('The sweeper', () => {
  const HOUR = 3_600;
  const sweep = (of = server) => of.app.get(Sweeper).sweep();

  /** Makes tokens, each with its end so many seconds ago. */
  async function ended(how: { expired?: number; revoked?: number }, count = 1): Promise<string[]> {
    const rows = await database.query<{ id: string }>(
      `INSERT INTO tokens (kind, digest, hint, gateway_account_id, expires_at, revoked_at)
       SELECT 'api', sha256(gen_random_uuid()::text::bytea), 'abcd', 'SWEPT', now() - $1 * interval '1 second',
         now() - $2 * interval '1 second' FROM generate_series(1, $3) RETURNING id`,
      [how.expired, how.revoked, count],
    );
    return rows.map(({ id }) => id);
  }

  const left = async (ids: string[]) =>
    (await database.query<{ id: string }>('SELECT id FROM tokens WHERE id = ANY ($1)', [ids])).map(({ id }) => id);

  it('deletes what expired or was revoked more than TOKEN_RETENTION ago, and nothing younger', async () => {
    const old = [
      ...(await ended({ expired: HOUR + 5 })),
      ...(await ended({ revoked: HOUR + 5 })),
      ...(await ended({ expired: -HOUR, revoked: HOUR + 5 })),
      ...(await ended({ expired: HOUR + 5, revoked: 5 })),
    ];
    const young = [
      ...(await ended({ expired: HOUR - 600 })),
      ...(await ended({ revoked: HOUR - 600 })),
      ...(await ended({ expired: -HOUR })),
      ...(await ended({})),
    ];
    expect(await sweep()).toBe(4);
    expect([(await left(old)).length, (await left(young)).sort()]).toEqual([0, young.sort()]);
    expect(await sweep()).toBe(0);
  });

  it('deletes many in batches, each in a transaction of its own', async () => {
    const ids = await ended({ expired: HOUR + 5 }, 1_201);
    const sent = await statements.allDuring(async () => {
      expect(await sweep()).toBe(1_201);
    });
    const batches = sent.filter(({ text }) => text.startsWith('DELETE FROM tokens'));
    // Each begins where the one before has ended, and does not read through what that has deleted.
    expect(batches.map(({ values }) => values.length)).toEqual([0, 1, 1]);
    expect(await left(ids)).toEqual([]);
  });

  it('deletes the oldest first, whatever their times', async () => {
    await database.query(
      `INSERT INTO tokens (kind, digest, hint, gateway_account_id, expires_at)
       SELECT 'api', sha256(gen_random_uuid()::text::bytea), 'abcd', 'SWEPT', now() - $1 * interval '1 second' - n * interval '1.000001 seconds'
       FROM generate_series(1, 1_100) n ORDER BY n % 7`,
      [HOUR],
    );
    const sent = await statements.allDuring(async () => {
      expect(await sweep()).toBe(1_100);
    });
    const starts = sent.flatMap(({ text, values }) => (text.startsWith('DELETE FROM tokens') ? values : []));
    expect(starts).toHaveLength(2);
    expect(Number(starts[1]) - Number(starts[0])).toBe(500 * 1_000_001);
  });

  it('skips rows that somebody is changing, without waiting, and takes them the next time', async () => {
    const ids = await ended({ expired: HOUR + 5 }, 3);
    await whileLocked(database, 'SELECT 1 FROM tokens WHERE id = $1 FOR UPDATE', [ids[0]], async () => {
      expect(await sweep()).toBe(2);
      expect(await left(ids)).toEqual([ids[0]]);
    });
    expect(await sweep()).toBe(1);
  });

  it('leaves a token alone that is given a new expiry just then', async () => {
    const [id = ''] = await ended({ expired: HOUR + 5 });
    await whileLocked(database, 'SELECT 1 FROM tokens WHERE id = $1 FOR UPDATE', [id], async () => {
      expect(await sweep()).toBe(0);
    });
    await database.query('UPDATE tokens SET expires_at = now() WHERE id = $1', [id]);
    expect([await sweep(), await left([id])]).toEqual([0, [id]]);
  });

  it('works on one server at a time', async () => {
    const other = await startServer(database.connection, { tokenRetention: RETENTION });
    const ids = await ended({ expired: HOUR + 5 }, 1_200);
    await whileLocked(database, 'SELECT pg_advisory_xact_lock($1, $2)', [...SWEEP_LOCK], async () => {
      expect([await sweep(), await sweep(other), (await left(ids)).length]).toEqual([0, 0, 1_200]);
    });
    const deleted = await Promise.all([sweep(), sweep(other), sweep(), sweep(other)]);
    const rest = await sweep();
    expect(deleted.reduce((sum, each) => sum + each, rest)).toBe(1_200);
    expect(await left(ids)).toEqual([]);
    await other.close();
  });
});

describe('The migration to more kinds of tokens', () => {
  const INDEX = migrations.findIndex((migration) => migration.name === 'TokenKinds1763800000008');

  interface Row extends Record<string, unknown> {
    hint: string;
  }

  it('keeps App-Tokens in both directions, and drops what the earlier schema cannot hold', async () => {
    const old = await createDatabase({ empty: true });
    const rows = () => old.query<Row>('SELECT * FROM tokens ORDER BY hint');
    const token = (hint: string, more: Record<string, string> = {}) =>
      old.query(
        `INSERT INTO tokens (${['kind', 'digest', 'hint', ...Object.keys(more)].join()})
         VALUES (${["'app'", `sha256('${hint}')`, `'${hint}'`, ...Object.values(more)].join()})`,
      );
    const dataSource = await migrationDataSource(old.connection, migrations.slice(0, INDEX + 1)).initialize();
    try {
      const before = await migrationDataSource(old.connection, migrations.slice(0, INDEX)).initialize();
      await before.runMigrations();
      await before.destroy();
      await old.query(`INSERT INTO accounts (id, email, role)
        VALUES ('00000000-0000-4000-8000-000000000001', 'a@example.org', 'admin')`);
      const account = { account_id: `'00000000-0000-4000-8000-000000000001'` };
      await token('good', { ...account, expires_at: `now() + interval '1 day'`, scopes: `'{frontend}'` });
      await token('past', { ...account, expires_at: `now() - interval '1 day'` });
      const first = await rows();

      await dataSource.runMigrations();
      const added = { actor_id: null, client_id: null, gateway_account_id: null, description: null, created_by: null };
      const upgraded = first.map((row) => ({ ...row, ...added, revoked_at: null, last_used_at: null }));
      expect(await rows()).toEqual(upgraded);

      await token('ever', account);
      await token('dead', { ...account, expires_at: `now() + interval '1 day'`, revoked_at: 'now()' });
      await old.query(`INSERT INTO tokens (kind, digest, hint, gateway_account_id) VALUES ('api', 'api', 'api_', 'X')`);
      await old.query(`INSERT INTO tokens (kind, digest, hint, account_id, actor_id, expires_at)
        SELECT 'user', 'user', 'user', id, id, now() FROM accounts`);
      await dataSource.undoLastMigration();
      expect(await rows()).toEqual(first);
      await expect(token('ever', account)).rejects.toThrow('expires_at');

      await dataSource.runMigrations();
      expect(await rows()).toEqual(upgraded);
    } finally {
      await dataSource.destroy();
      await old.drop();
    }
  });

  it.each([
    ['an API token of an account', ['api', 'ours', 'GATEWAY', null], 'tokens_owner_check'],
    ['an API token of nobody', ['api', null, null, null], 'tokens_gateway_account_check'],
    ['an App-Token of a gateway account', ['app', 'ours', 'GATEWAY', null], 'tokens_gateway_account_check'],
    ['a user token of nobody', ['user', null, null, null], 'tokens_owner_check'],
    ['another kind', ['other', 'ours', null, null], 'tokens_kind_check'],
    ['an actor that does not exist', ['user', 'ours', null, randomUUID()], 'tokens_actor_id_fkey'],
  ])('makes a schema that refuses %s', async (_, values, constraint) => {
    const insert = database.query(
      `INSERT INTO tokens (kind, account_id, gateway_account_id, actor_id, digest, hint)
       VALUES ($1, $2, $3, $4, sha256('x'), 'abcd')`,
      values.map((value) => (value === 'ours' ? admin.id : value)),
    );
    await expect(insert).rejects.toThrow(constraint);
  });
});

describe('With a million tokens stored', () => {
  /** What the tests look at. */
  let account: User;
  const GATEWAY = 'GATEWAY 7';

  interface Plan {
    'Node Type': string;
    'Relation Name'?: string;
    'Index Name'?: string;
    'Actual Rows': number;
    'Actual Loops': number;
    'Rows Removed by Filter'?: number;
    'Rows Removed by Index Recheck'?: number;
    Plans?: Plan[];
  }

  interface Reading {
    sequential: string[];
    indexes: string[];
    rows: number;
  }

  const all = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(all)];

  /** How PostgreSQL goes about the very statement that the server sent; what it changes is taken back. */
  async function read({ text, values }: Statement, mode = 'auto'): Promise<Reading> {
    const client = new pg.Client(database.connection);
    await client.connect();
    try {
      await client.query(`BEGIN; SET LOCAL plan_cache_mode = ${mode}`);
      const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
        `EXPLAIN (ANALYZE, FORMAT JSON) ${text}`,
        values,
      );
      const scans = all(rows[0]?.['QUERY PLAN'][0].Plan ?? ({} as Plan)).filter((node) =>
        node['Node Type'].endsWith(' Scan'),
      );
      return {
        sequential: scans.flatMap((node) => (node['Node Type'] === 'Seq Scan' ? [node['Relation Name'] ?? ''] : [])),
        indexes: scans.flatMap((node) => node['Index Name'] ?? []),
        rows: scans.reduce((sum, node) => {
          // Counted when they are read from the table; and what a statement was given is in none.
          const isOfTable = node['Node Type'] !== 'Bitmap Index Scan' && node['Relation Name'] !== undefined;
          if (!isOfTable) return sum;
          const removed = (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0);
          return sum + (node['Actual Rows'] + removed) * node['Actual Loops'];
        }, 0),
      };
    } finally {
      await client.end();
    }
  }

  /** @returns the one statement on the table that serves a request */
  async function statementOf(table: string, act: () => Promise<unknown>): Promise<Statement> {
    const sent = await statements.allDuring(act);
    const found = sent.filter(
      ({ text }) =>
        new RegExp(`^\\s*(WITH|SELECT|UPDATE|DELETE)[^]*\\b${table}\\b`).test(text) &&
        // Whether the caller's own tokens are alive, and whether an import has made any.
        !/^\s*(SELECT (u.id FROM tokens u|t.id FROM tokens t LEFT JOIN oauth_clients|ARRAY\(SELECT k)|WITH held AS)\b/.test(
          text,
        ),
    );
    expect(found).toHaveLength(1);
    return found[0] ?? { text: '', values: [] };
  }

  const get = (path: string, headers: Record<string, string>) => async () => {
    const { status } = await server.call('GET', path, undefined, headers);
    expect(status).toBe(200);
  };

  /** The cursor that a client has after so many records. */
  async function cursorAt(offset: number, condition: string): Promise<string> {
    const [row] = await database.query<{ cursor: string }>(
      `SELECT (extract(epoch FROM created_at) * 1000000)::bigint || '.' || id AS cursor FROM tokens
       WHERE revoked_at IS NULL AND ${condition} ORDER BY created_at DESC, id DESC OFFSET ${offset} LIMIT 1`,
    );
    return row?.cursor ?? '';
  }

  beforeAll(async () => {
    stopFlushing();
    account = await signedInUser(server);
    await fill();
    // What follows must not look up who asks.
    await get('/api/v1/tokens/', account.headers)();
    await get('/api/v1/tokens/', admin.headers)();
  });

  /** Half of them API tokens of 5,000 gateway accounts, the rest of 1,000 accounts; every third is revoked. */
  async function fill(): Promise<void> {
    const client = new pg.Client(database.connection);
    await client.connect();
    // Indexes are made faster afterwards, those of the constraints most of all.
    const indexes = await client.query<{ drop: string; make: string }>(
      `SELECT format('ALTER TABLE tokens DROP CONSTRAINT %I', conname) AS drop,
         format('ALTER TABLE tokens ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid)) AS make
       FROM pg_constraint WHERE conrelid = 'tokens'::regclass AND contype IN ('p', 'u')
       UNION ALL
       SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid) FROM pg_index
       WHERE indrelid = 'tokens'::regclass AND NOT indisunique`,
    );
    for (const { drop } of indexes.rows) await client.query(drop);
    // Neither foreign keys nor the log are looked after, nobody tidies up meanwhile, and digests are cheaper than chance.
    await client.query(`SET session_replication_role = replica; SET maintenance_work_mem = '256MB'`);
    await client.query('ALTER TABLE tokens SET UNLOGGED');
    await client.query('ALTER TABLE tokens SET (autovacuum_enabled = false)');
    await client.query(`
      INSERT INTO accounts (id, email) SELECT md5('account ' || i)::uuid, 'filler' || i || '@example.org'
        FROM generate_series(1, 1000) i;
      INSERT INTO oauth_clients (id, name, scopes) SELECT 'filler ' || i, 'filler', '{}' FROM generate_series(1, 1000) i;
      INSERT INTO tokens (id, kind, digest, hint, account_id, gateway_account_id, created_at, expires_at, revoked_at)
        SELECT md5('token ' || i)::uuid, CASE WHEN i % 2 = 0 THEN 'api' WHEN i % 10 = 1 THEN 'app' ELSE 'user' END, sha256(i::text::bytea), 'abcd',
          CASE WHEN i % 2 = 1 THEN CASE WHEN i % 20 = 7 THEN '${account.id}' ELSE md5('account ' || i / 2 % 1000)::uuid END END,
          CASE WHEN i % 2 = 0 THEN 'GATEWAY ' || i / 2 % 5000 END,
          now() - i * interval '1 second', CASE WHEN i % 2 = 1 THEN now() + interval '1 day' END,
          CASE WHEN i % 3 = 0 THEN now() - interval '1 minute' END
        FROM generate_series(1, 1000000) i;
      INSERT INTO sessions (account_id, expires_at)
        SELECT md5('account ' || i % 1000 + 1)::uuid, now() + interval '1 day' FROM generate_series(1, 50000) i;`);
    for (const { make } of indexes.rows) await client.query(make);
    await client.query('ANALYZE tokens; ANALYZE accounts; ANALYZE sessions; ANALYZE oauth_clients');
    await client.end();
  }

  it('they are there, with all indexes', async () => {
    const [row] = await database.query<{ tokens: number; indexes: number }>(
      `SELECT (SELECT count(*) FROM tokens)::int AS tokens,
         (SELECT count(*) FROM pg_index WHERE indrelid = 'tokens'::regclass)::int AS indexes`,
    );
    expect(row?.tokens).toBeGreaterThanOrEqual(1_000_000);
    expect(row?.indexes).toBe(12);
  });

  it.each(['force_custom_plan', 'force_generic_plan'])('a check finds its token by the digest (%s)', async (mode) => {
    const token = await newToken();
    const statement = await statementOf('tokens', () => check(token));
    const { sequential, indexes, rows } = await read(statement, mode);
    expect([sequential, rows]).toEqual([[], 1]);
    expect(indexes).toContain('tokens_digest_key');
  });

  /** The values of an INSERT for tokens that are not there yet. */
  const withOtherDigests = (values: unknown[]) =>
    values.map((value) => {
      if (Buffer.isBuffer(value)) return randomBytes(32);
      return typeof value === 'string'
        ? value.replace(/"[0-9a-f]{64}"/g, `"${randomBytes(32).toString('hex')}"`)
        : value;
    });

  it.each(['force_custom_plan', 'force_generic_plan'])(
    'no other way to a token reads all clients (%s)',
    async (mode) => {
      const token = await newToken();
      const { basic } = await newClient(server);
      const { email: username, password } = account;
      for (const act of [
        () => server.call('POST', '/oauth/introspect', { token }, basic),
        () => server.call('POST', '/api/v1/token/', { username, password }, { 'app-token': account.appToken }),
        newToken,
        () => postForm(server, '/oauth/token', { grant_type: 'client_credentials' }, basic),
      ]) {
        const sent = await statements.allDuring(act);
        const joined = sent.filter(({ text }) => /tokens t LEFT JOIN oauth_clients|INSERT INTO tokens/.test(text));
        expect(joined.length).toBeGreaterThan(0);
        for (const { text, values } of joined) {
          const other = text.includes('INSERT') ? withOtherDigests(values) : values;
          const { sequential } = await read({ text, values: other }, mode);
          expect([text, sequential]).toEqual([text, []]);
        }
      }
    },
  );

  it.each(['force_custom_plan', 'force_generic_plan'])('a check finds its session by the id (%s)', async (mode) => {
    const { body } = await server.call('POST', '/account/session', {
      account: { email: account.email, password: account.password },
    });
    const { token } = body as { token: string };
    const path = `/accounts/${claimsOf(token).data.id}`;
    const sent = await statements.allDuring(get(path, bearer(token)));
    const [statement] = sent.filter(({ text }) => text.includes('FROM sessions s'));
    const { sequential, indexes, rows } = await read(statement ?? { text: '', values: [] }, mode);
    expect([sequential.filter((table) => table !== 'accounts'), indexes]).toEqual([
      [],
      expect.arrayContaining(['sessions_pkey']),
    ]);
    expect(rows).toBeLessThanOrEqual(2);
  });

  const PAGE = 101;
  /** Looks up what the App-Token of each is called, by its id. */
  const NAMES = 'tokens_pkey';

  it.each([
    ['the first page of all user tokens', '/api/v1/tokens/', 'user', 0],
    ['a page of all user tokens, deep down', '/api/v1/tokens/', 'user', 200_000],
    ['a page of all App-Tokens, deep down', '/api/v1/app_tokens/', 'app', 50_000],
  ])('%s reads its rows and no more', async (_, path, kind, offset) => {
    const cursor = offset === 0 ? '' : `?cursor=${await cursorAt(offset, `kind = '${kind}'`)}`;
    const statement = await statementOf('tokens', get(path + cursor, admin.headers));
    const { rows, ...how } = await read(statement);
    expect(how).toEqual({ sequential: [], indexes: ['tokens_listed_idx', NAMES] });
    // Those of the page, and the App-Token of each that has one.
    expect(rows).toBeGreaterThanOrEqual(PAGE);
    expect(rows).toBeLessThanOrEqual(PAGE * 2);
  });

  it.each([
    ['the first page', 0],
    ['a page deep down', 20_000],
  ])("%s of one's own tokens reads its rows, and those between them that were revoked", async (_, offset) => {
    const condition = `kind = 'user' AND account_id = '${account.id}'`;
    const cursor = offset === 0 ? '' : `?cursor=${await cursorAt(offset, condition)}`;
    const statement = await statementOf('tokens', get(`/api/v1/tokens/${cursor}`, account.headers));
    const { rows, ...how } = await read(statement);
    expect(how).toEqual({ sequential: [], indexes: ['tokens_owner_idx', NAMES] });
    expect(rows).toBeGreaterThanOrEqual(PAGE);
    expect(rows).toBeLessThanOrEqual(PAGE * 1.6);
  });

  it.each(['active', 'revoked'])(
    'the list of the %s tokens of a gateway account reads the rows of that account',
    async (state) => {
      const path = `/v1/frontend/auth/${encodeURIComponent(GATEWAY)}?state=${state}`;
      const statement = await statementOf('tokens', get(path, { 'app-token': admin.appToken }));
      expect(await read(statement)).toEqual({ sequential: [], indexes: ['tokens_gateway_account_id_idx'], rows: 100 });
    },
  );

  it('so does revoking all tokens of a gateway account', async () => {
    const path = `/v1/frontend/auth/${encodeURIComponent('GATEWAY 8')}/revoke-all`;
    const statement = await statementOf('tokens', () =>
      server.call('DELETE', path, undefined, { 'app-token': admin.appToken }),
    );
    // It finds nothing more to change, but has to look at what it has changed. It locks by id first, and changes by id.
    const { rows, ...how } = await read(statement);
    expect(how).toEqual({ sequential: [], indexes: ['tokens_gateway_account_id_idx', 'tokens_pkey'] });
    expect(rows).toBeGreaterThanOrEqual(100);
    expect(rows).toBeLessThanOrEqual(200);
  });

  it('signing out reads the tokens of that account', async () => {
    const { email, password } = await signedInUser(server);
    const { body } = await server.call('POST', '/account/session', { account: { email, password } });
    const statement = await statementOf('tokens', () =>
      server.call('DELETE', '/account/session', undefined, bearer(body.token as string)),
    );
    const [filler] = await database.query<{ id: string }>(`SELECT md5('account 1')::uuid AS id`);
    const { sequential, rows } = await read({ ...statement, values: [filler?.id, ...statement.values.slice(1)] });
    expect(sequential).toEqual([]);
    // It has about five hundred, each read to be locked and again to be changed.
    expect(rows).toBeGreaterThan(100);
    expect(rows).toBeLessThanOrEqual(1_500);
  });

  it.each(['id', 'secret'])('one token is found, changed and deleted by its %s', async (by) => {
    for (const [method, body] of [['GET'], ['PATCH', { seconds_until_expire: 60 }], ['DELETE']] as const) {
      const other = await signedInUser(server);
      const name = by === 'id' ? (await rowOf(database, other.token)).id : other.token;
      const statement = await statementOf('tokens', () =>
        server.call(method, `/api/v1/tokens/${name}`, body, admin.headers),
      );
      const { sequential, indexes, rows } = await read(statement);
      // Whoever extends its life asks how long what it was made with lives.
      const lineage = method === 'PATCH' ? ['tokens_pkey'] : [];
      const names = method === 'DELETE' ? [] : [NAMES];
      const index = by === 'id' ? 'tokens_pkey' : 'tokens_digest_key';
      expect([method, sequential, indexes]).toEqual([method, [], [index, ...lineage, ...names]]);
      expect(rows).toBeLessThanOrEqual(2);
    }
  });

  it('the last uses of a hundred tokens are written by their ids', async () => {
    const ids = await database.query<{ id: string }>('SELECT id FROM tokens WHERE revoked_at IS NULL LIMIT 100');
    const uses = server.app.get(TokenLastUsed);
    await uses.flush();
    for (const { id } of ids) uses.touch(id);
    const [statement] = flushes(await statements.allDuring(() => uses.flush()));
    const { sequential, indexes } = await read(statement ?? { text: '', values: [] });
    expect([sequential, new Set(indexes)]).toEqual([[], new Set(['tokens_pkey'])]);
  });

  it('the last uses of many tokens are all written, by many statements', async () => {
    const ids = await database.query<{ id: string }>(
      'SELECT id FROM tokens WHERE revoked_at IS NULL AND last_used_at IS NULL LIMIT 12000',
    );
    const uses = server.app.get(TokenLastUsed);
    for (const { id } of ids) uses.touch(id);
    expect(flushes(await statements.allDuring(() => uses.flush()))).toHaveLength(48);
    const [row] = await database.query<{ used: number }>(
      'SELECT count(*)::int AS used FROM tokens WHERE last_used_at IS NOT NULL AND id = ANY ($1)',
      [ids.map(({ id }) => id)],
    );
    expect(row?.used).toBe(12_000);
  });

  it('sweeping finds what has ended by an index', async () => {
    const [statement] = (await statements.allDuring(() => server.app.get(Sweeper).sweep())).filter(({ text }) =>
      text.startsWith('DELETE FROM tokens'),
    );
    const { sequential, indexes, rows } = await read(statement ?? { text: '', values: [] });
    expect([sequential, indexes]).toEqual([[], ['tokens_ended_idx']]);
    expect(rows).toBeLessThanOrEqual(1_000);
  });

  it.each([0, 3, 20_000])(
    'whether %d of them are of another service is told by indexes',
    async (count) => {
      await database.query(
        `UPDATE tokens SET is_foreign = true, foreign_hash = CASE WHEN kind = 'api' THEN id::text END
       WHERE id IN (SELECT id FROM tokens WHERE kind <> 'oauth' ORDER BY created_at LIMIT $1)`,
        [count],
      );
      await database.query('ANALYZE tokens');
      const [statement] = await statements.allDuring(() => server.app.get(ForeignTokenStore).stored());
      const { sequential, indexes, rows } = await read(statement ?? { text: '', values: [] });
      expect(sequential).toEqual([]);
      expect(new Set(indexes)).toEqual(new Set(['tokens_foreign_idx', 'tokens_foreign_hash_key']));
      // A value that it is asked about counts too.
      expect(rows).toBeLessThan(20);
      await database.query('UPDATE tokens SET is_foreign = false, foreign_hash = NULL WHERE is_foreign');
    },
    60_000,
  );
});
