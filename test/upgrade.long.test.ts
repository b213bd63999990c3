import { execFileSync, spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { migrate, migrationNames } from '../src/database/migrate.js';
import { createDatabase, urlOf, type TestDatabase } from './support/database.js';
import { describeWhere } from './support/where.js';
import { FIRST, Visitor } from './support/four-documents.js';
import { cleanUp, newFolder, ServerProcess } from './support/process.js';
import { bearer, claimsOf, newEmail, TEST_SECRET_KEY } from './support/server.js';

/** The release before this one, 0.1.0. */
const PREVIOUS = '71ba4809e08ac9cd1eab3ba8194ee39f8167e4b7';
/** A clone without history, or a package, does not have it. */
const hasPrevious = spawnSync('git', ['cat-file', '-e', PREVIOUS]).status === 0;

let database: TestDatabase;
let previous: string;

beforeAll(async () => {
  if (!hasPrevious) return;
  database = await createDatabase({ empty: true });
  previous = buildPrevious();
});

afterAll(async () => {
  await cleanUp();
  if (hasPrevious) await database.drop();
});

function buildPrevious(): string {
  const folder = newFolder();
  const archive = execFileSync('git', ['archive', PREVIOUS], { maxBuffer: 200_000_000 });
  execFileSync('tar', ['-x', '-C', folder], { input: archive });
  execFileSync('npm', ['ci', '--omit=optional', '--no-audit', '--no-fund'], { cwd: folder, stdio: 'pipe' });
  execFileSync('npm', ['run', 'build'], { cwd: folder, stdio: 'pipe' });
  return folder;
}

function start(root: string): Promise<ServerProcess> {
  const env = {
    DATABASE_URL: urlOf(database.connection),
    SECRET_KEY: TEST_SECRET_KEY,
    PUBLIC_URL: 'http://latchkey.test',
    BCRYPT_COST: '4',
    RATE_LIMIT_PER_MINUTE: '0',
    FRONTEND_AUTH: 'none',
    ...FIRST,
    RUN_MIGRATIONS: root === previous ? 'true' : 'false',
  };
  const command = [process.execPath, join(root, 'dist/src/main.js')];
  return ServerProcess.start(env, { command }).then((server) => server.ready());
}

interface Session {
  id: string;
  token: string;
  refresh: string;
}

async function signUp(server: ServerProcess): Promise<Session & { status: number }> {
  const account = { email: newEmail(), password: 'an example', remember_me: true };
  const { status, body } = await server.call('POST', '/accounts', { account });
  const { token = '', refresh_token: refresh = '' } = body as { token?: string; refresh_token?: string };
  return { status, token, refresh, id: token === '' ? '' : claimsOf(token).data.id };
}

/** Clients of a server, and what they were answered. */
class Load {
  readonly statuses = new Set<number>();
  requests = 0;
  private stopped = false;
  private readonly loops: Promise<void>;

  constructor(private readonly servers: [ServerProcess, ServerProcess]) {
    this.loops = Promise.all(Array.from({ length: 4 }, (_, index) => this.run(index))).then(() => undefined);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.loops;
  }

  /** Signs up, looks, refreshes and signs out, each time at the next server. */
  private async run(start: number): Promise<void> {
    let turn = start;
    const next = () => {
      turn += 1;
      return turn % 2 === 0 ? this.servers[0] : this.servers[1];
    };
    while (!this.stopped) {
      const session = await signUp(next());
      this.note(session.status);
      if (session.status !== 201) continue;
      const { id, token, refresh } = session;
      this.note((await next().call('GET', `/accounts/${id}`, undefined, bearer(token))).status);
      const account = { refresh_token: refresh, remember_me: true };
      const refreshed = await next().call('PUT', '/account/session', { account });
      this.note(refreshed.status);
      const { token: later = token } = refreshed.body as { token?: string };
      this.note((await next().call('DELETE', '/account/session', undefined, bearer(later))).status);
      await sleep(10);
    }
  }

  private note(status: number): void {
    this.requests += 1;
    this.statuses.add(status);
  }
}

const describeUpgrade = describeWhere({
  has: hasPrevious,
  otherwise: 'the history of the previous release is not here',
});

describeUpgrade('an upgrade from the previous release', () => {
  it('fails no request: not while the schema changes behind a reader and a writer, and not while both releases serve', async () => {
    const old = await start(previous);
    const tables = await database.query<{ name: string }>(
      `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`,
    );
    const names = tables.map(({ name }) => name).join(', ');
    const load = new Load([old, old]);
    const reader = await database.hold(`LOCK TABLE ${names} IN ACCESS SHARE MODE`);
    const writer = await database.hold(`LOCK TABLE ${names} IN ROW EXCLUSIVE MODE`);
    const migrated = migrate(database.connection);
    // Until it has let go of a lock and tried again, if it needs any.
    await Promise.race([migrated, sleep(6_000)]);
    await reader.end();
    await writer.end();
    await migrated;
    await load.stop();
    expect([...load.statuses].sort()).toEqual([200, 201]);
    expect(load.requests).toBeGreaterThan(0);
    const applied = await database.query('SELECT name FROM migrations');
    expect(applied).toHaveLength(migrationNames.length);

    const current = await start(resolve('.'));
    const both = new Load([old, current]);
    // What the four documents describe: each request at the build that the one before it was not at, beginning with either.
    const visitors = [0, 1].map((start) => {
      let turn = start;
      return new Visitor(() => ((turn += 1) % 2 === 0 ? old : current));
    });
    for (let round = 0; round < 3; round += 1) await Promise.all(visitors.map((visitor) => visitor.visit()));
    await both.stop();
    expect(visitors.flatMap(({ failures }) => failures)).toEqual([]);
    for (const { requests } of visitors) expect(requests).toBeGreaterThan(100);
    expect([...both.statuses].sort()).toEqual([200, 201]);
    expect(both.requests).toBeGreaterThan(0);
    for (const server of [old, current]) {
      expect(server.log.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
    }
    expect((await old.stop()).code).toBe(0);
    expect((await signUp(current)).status).toBe(201);
  });
});
