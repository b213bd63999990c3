import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Authority, hasOpenssl } from './support/certificates.js';
import { hasPostgres, PostgresCluster } from './support/postgres-cluster.js';
import { cleanUp, eventually, newFolder, ServerProcess } from './support/process.js';
import { TEST_SECRET_KEY } from './support/server.js';
import { describeWhere } from './support/where.js';

/** Leads to 127.0.0.1, and does not look like it: as the name of any other machine, to Latchkey. */
const ANOTHER_NAME = '127.1';

const describeWithTls = describeWhere({
  has: hasPostgres && hasOpenssl,
  otherwise: 'there is no PostgreSQL or no openssl (apt-get install postgresql openssl)',
});

describeWithTls('A PostgreSQL with a certificate of a private authority', () => {
  let authority: Authority;
  let other: Authority;
  let cluster: PostgresCluster;
  let plain: PostgresCluster;

  beforeAll(async () => {
    authority = Authority.make('An authority');
    other = Authority.make('Another authority');
    cluster = await PostgresCluster.create(['ssl = on', "ssl_cert_file = 'server.crt'", "ssl_key_file = 'server.key'"]);
    install(authority.issue('DNS:localhost'));
    plain = await PostgresCluster.create();
    // Nothing gets in without TLS.
    writeFileSync(
      join(cluster.data, 'pg_hba.conf'),
      'hostssl all all 127.0.0.1/32 trust\nhostssl all all ::1/128 trust\n',
    );
    await Promise.all([cluster.start(), plain.start()]);
    for (const one of [cluster, plain]) one.query('postgres', 'CREATE DATABASE latchkey');
  });

  afterAll(async () => {
    await cluster.stop();
    await plain.stop();
    await cleanUp();
  });

  /** Gives the server a certificate. */
  function install({ key, cert }: { key: string; cert: string }): void {
    for (const [from, name] of [
      [key, 'server.key'],
      [cert, 'server.crt'],
    ] as const) {
      const path = join(cluster.data, name);
      copyFileSync(from, path);
      if (process.getuid?.() === 0) chownSync(path, 65_534, 65_534);
      chmodSync(path, 0o600);
    }
  }

  /** The same, once it runs. */
  async function exchange(pair: { key: string; cert: string }): Promise<void> {
    install(pair);
    await cluster.shutDown();
    await cluster.start();
  }

  const urlOf = (query = '', host = 'localhost', { port } = cluster) =>
    `postgres://latchkey@${host}:${port}/latchkey${query === '' ? '' : `?${query}`}`;

  const start = (env: Record<string, string>) => ServerProcess.start({ SECRET_KEY: TEST_SECRET_KEY, ...env });

  /** Runs a command, as an operator does. */
  function command(args: string[], env: Record<string, string>) {
    const { PATH, HOME } = process.env;
    return spawnSync(process.execPath, [resolve('dist/src/commands/latchkey.js'), ...args], {
      encoding: 'utf8',
      cwd: newFolder(),
      env: { PATH, HOME, SECRET_KEY: TEST_SECRET_KEY, ...env },
    });
  }

  /** @returns why a command cannot reach the database */
  function refusal(url: string, env: Record<string, string> = {}): string {
    const { status, stdout, stderr } = command(['migrate'], { DATABASE_URL: url, ...env });
    expect({ status, stdout, stderr }).toMatchObject({ status: 1 });
    return stdout + stderr;
  }

  /** @returns what `doctor` finds of the database and of TLS on the way to it: `ok`, or what is wrong */
  function doctor(env: Record<string, string>): { reached?: string; tls: string[] } {
    const { stdout } = command(['doctor', '--json'], env);
    const { findings } = JSON.parse(stdout) as {
      findings: { check: string; state: string; message: string; advice?: string }[];
    };
    const of = (name: string) =>
      findings
        .filter(({ check }) => check === name)
        .map(({ state, message, advice }) => (state === 'ok' ? state : `${message} ${advice ?? ''}`));
    const [reached] = of('database');
    return { ...(reached !== undefined && { reached }), tls: of('TLS to the database') };
  }

  it('is served by a server that knows the authority: migrations, requests and what listens; and by commands', async () => {
    const url = join(newFolder(), 'database-url');
    writeFileSync(url, `${urlOf()}\n`);
    const env = {
      DATABASE_URL_FILE: url,
      DATABASE_DIRECT_URL: urlOf('sslmode=verify-full'),
      DATABASE_CA_FILE: authority.path,
    };
    const server = await start(env);
    await server.ready();
    const rows = cluster.query(
      'postgres',
      `SELECT count(*), bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
       WHERE application_name = 'latchkey' AND datname = 'latchkey'`,
    );
    // Requests, and what listens.
    expect(rows).toMatch(/^([2-9]|\d\d)\|t$/);
    const made = command(['account', 'create', 'ada@example.org', '--role', 'admin', '--json'], env);
    expect(made).toMatchObject({ status: 0, stdout: expect.stringContaining('ada@example.org') });
    expect(await server.stop()).toMatchObject({ code: 0 });
    expect(command(['migrate'], env)).toMatchObject({ status: 0 });
  });

  it.each([
    ['verify-full', 'sslmode=verify-full'],
    ['verify-ca', 'sslmode=verify-ca'],
    ['require, which checks the authority then', 'sslmode=require'],
  ])('is refused by who knows another authority: %s', (_, query) => {
    for (const said of [
      refusal(urlOf(query), { DATABASE_CA_FILE: other.path }),
      refusal(urlOf(`${query}&sslrootcert=${other.path}`)),
      refusal(urlOf(`${query}&sslrootcert=${other.path}`), { DATABASE_CA_FILE: authority.path }),
    ])
      expect(said).toMatch(/Its certificate is from no authority that is trusted here: set DATABASE_CA_FILE/);
  });

  it('is refused under another name, unless the name does not count', () => {
    const env = { DATABASE_CA_FILE: authority.path };
    const said = refusal(urlOf('', '127.0.0.1'), env);
    expect(said).toContain('Its certificate is for another name');
    for (const query of ['sslmode=verify-ca', 'sslmode=require', 'sslmode=prefer'])
      expect(command(['migrate'], { DATABASE_URL: urlOf(query, '127.0.0.1'), ...env })).toMatchObject({ status: 0 });
    expect(refusal(urlOf('sslmode=verify-full'))).toContain(
      'set DATABASE_CA_FILE to the certificate of that authority',
    );
  });

  it('is reached without a check where none was asked for, but not without TLS', () => {
    for (const query of ['', 'sslmode=prefer', 'sslmode=require'])
      expect(command(['migrate'], { DATABASE_URL: urlOf(query) })).toMatchObject({ status: 0 });
    expect(refusal(urlOf('sslmode=disable'), { DATABASE_CA_FILE: authority.path })).toContain('pg_hba.conf');
  });

  it('is told of by `doctor`, whatever the way to it is', () => {
    const ca = { DATABASE_CA_FILE: authority.path };
    const verified = urlOf('sslmode=verify-full');
    expect(doctor({ DATABASE_URL: verified, ...ca })).toEqual({ reached: 'ok', tls: ['ok'] });
    const elsewhere = (query: string, at = cluster) => urlOf(query, ANOTHER_NAME, at);
    const open = (variable: string) =>
      expect.stringMatching(new RegExp(`${variable} leads to .* without verified TLS`));
    expect(doctor({ DATABASE_URL: elsewhere('sslmode=require') })).toEqual({
      reached: 'ok',
      tls: [open('DATABASE_URL')],
    });
    expect(doctor({ DATABASE_URL: elsewhere('sslmode=disable', plain) })).toEqual({
      reached: 'ok',
      tls: [open('DATABASE_URL')],
    });
    const direct = { DATABASE_URL: verified, DATABASE_DIRECT_URL: elsewhere('sslmode=require'), ...ca };
    expect(doctor(direct)).toMatchObject({ tls: [open('DATABASE_DIRECT_URL')] });
    // What is verified and does not do is no way at all.
    expect(doctor({ DATABASE_URL: elsewhere('sslmode=verify-full'), ...ca })).toEqual({
      reached: expect.stringContaining('Its certificate is for another name'),
      tls: ['ok'],
    });
    expect(doctor({ DATABASE_URL: verified, DATABASE_CA_FILE: other.path })).toEqual({
      reached: expect.stringContaining('set DATABASE_CA_FILE'),
      tls: ['ok'],
    });
  });

  it('is refused where DATABASE_DIRECT_URL is the one that is wrong, by its name', async () => {
    const server = await start({
      DATABASE_URL: urlOf(),
      DATABASE_DIRECT_URL: urlOf('', '127.0.0.1'),
      DATABASE_CA_FILE: authority.path,
    });
    expect((await server.exited).code).toBe(1);
    expect(server.output).toContain('use one that it is for in DATABASE_DIRECT_URL');
  });

  it('is reached by its address, if the certificate is for that', async () => {
    await exchange(authority.issue('IP:127.0.0.1'));
    const env = { DATABASE_CA_FILE: authority.path };
    expect(command(['migrate'], { DATABASE_URL: urlOf('', '127.0.0.1'), ...env })).toMatchObject({ status: 0 });
    expect(refusal(urlOf(), env)).toContain('Its certificate is for another name');
    await exchange(authority.issue('DNS:localhost'));
  });

  it('is refused once its certificate has expired, by a start and, with 503, by a server that runs', async () => {
    const env = { DATABASE_URL: urlOf(), DATABASE_CA_FILE: authority.path };
    const server = await start(env);
    await server.ready();
    await exchange(authority.issue('DNS:localhost', -1));
    expect(refusal(urlOf(), env)).toMatch(/certificate has expired .*Renew the certificate of the server/);
    await eventually(async () => {
      expect((await server.call('GET', '/readyz')).status).toBe(503);
    });
    const answer = await server.call('POST', '/account/session', {
      account: { email: 'a@example.org', password: 'x' },
    });
    expect(answer.status).toBe(503);
    await exchange(authority.issue('DNS:localhost'));
    await server.ready();
    await server.stop();
  });

  it('may be one without TLS, if that is not asked for', () => {
    for (const query of ['', 'sslmode=prefer', 'sslmode=disable'])
      expect(command(['migrate'], { DATABASE_URL: urlOf(query, 'localhost', plain) })).toMatchObject({ status: 0 });
    for (const env of [{}, { DATABASE_CA_FILE: authority.path }])
      expect(refusal(urlOf('sslmode=require', 'localhost', plain), env)).toContain('Turn TLS on there (ssl = on');
    expect(refusal(urlOf('', 'localhost', plain), { DATABASE_CA_FILE: authority.path })).toContain('Turn TLS on there');
  });
});
