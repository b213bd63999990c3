import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ConfigError, loadConfig } from './config.js';
import { openWays, warningOfOpenWays } from './database-tls.js';

const SECRET_KEY = 'a-key-that-is-32-characters-long';
const PEM = rootCertificates.slice(0, 2).join('\n');

let folder: string;
let ca: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-ca-'));
  ca = join(folder, 'ca.crt');
  writeFileSync(ca, PEM);
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

const load = (url: string, env: Record<string, string> = {}) => loadConfig({ SECRET_KEY, DATABASE_URL: url, ...env });
const ssl = (url: string) => load(url, { DATABASE_CA_FILE: ca }).database?.ssl;
const sees = (urls: string, env: Record<string, string> = {}) =>
  openWays(load(urls, env)).map(({ variable }) => variable);

describe('DATABASE_CA_FILE', () => {
  it('makes verify-full the default of both URLs, and is what sslmode checks against', () => {
    expect(ssl('postgres://h/d')).toEqual({ ca: PEM });
    expect(ssl('postgres://h/d?sslmode=verify-full')).toEqual({ ca: PEM });
    for (const mode of ['verify-ca', 'require'])
      expect(ssl(`postgres://h/d?sslmode=${mode}`)).toEqual({ ca: PEM, checkServerIdentity: expect.any(Function) });
    expect(ssl('postgres://h/d?sslmode=prefer')).toEqual({ ca: PEM, rejectUnauthorized: false });
    expect(ssl('postgres://h/d?sslmode=disable')).toBeUndefined();
    expect(ssl('postgres:///d?host=/run')).toBeUndefined();
    const direct = { DATABASE_CA_FILE: ca, DATABASE_DIRECT_URL: 'postgres://h/d' };
    expect(load('postgres://h/d?sslmode=disable', direct).directDatabase?.ssl).toEqual({ ca: PEM });
  });

  it('is not weakened by an environment that was made for libpq', () => {
    for (const mode of ['prefer', 'disable', 'require']) {
      process.env.PGSSLMODE = mode;
      try {
        expect(ssl('postgres://h/d')).toEqual({ ca: PEM });
      } finally {
        delete process.env.PGSSLMODE;
      }
    }
  });

  it('gives way to sslrootcert', () => {
    const other = join(folder, 'other.crt');
    writeFileSync(other, new X509Certificate(rootCertificates[5] ?? '').toString());
    expect(ssl(`postgres://h/d?sslrootcert=${other}`)).toMatchObject({
      ca: new X509Certificate(rootCertificates[5] ?? '').toString(),
    });
    expect(ssl('postgres://h/d?sslmode=verify-full&sslrootcert=system')).toEqual({});
  });

  it('has to hold certificates that can be read', () => {
    const bad = join(folder, 'bad.crt');
    const problem = (content: string) => {
      writeFileSync(bad, content);
      try {
        load('postgres://h/d', { DATABASE_CA_FILE: bad });
      } catch (error) {
        if (error instanceof ConfigError) return error.problems;
      }
      return [];
    };
    expect(problem('nothing')).toEqual([expect.stringMatching(/^DATABASE_CA_FILE must be .* certificates in PEM/)]);
    expect(problem('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')).toEqual([
      'DATABASE_CA_FILE names a file with a certificate that cannot be read',
    ]);
    expect(problem(PEM)).toEqual([]);
  });
});

describe('A way to the database is open', () => {
  it('unless the name in a certificate is checked', () => {
    for (const query of ['', '?sslmode=require', '?sslmode=disable', '?sslmode=no-verify'])
      expect(sees(`postgres://db.example.org/d${query}`)).toEqual(['DATABASE_URL']);
    expect(sees('postgres://db.example.org/d?sslmode=verify-ca', { DATABASE_CA_FILE: ca })).toEqual(['DATABASE_URL']);
    expect(sees('postgres://db.example.org/d?sslmode=verify-full')).toEqual([]);
    expect(sees('postgres://db.example.org/d', { DATABASE_CA_FILE: ca })).toEqual([]);
  });

  it('unless it does not leave the machine', () => {
    for (const url of [
      'postgres://localhost/d',
      'postgres://127.0.0.2/d',
      'postgres://[::1]/d',
      'postgres:///d?host=/run',
    ])
      expect(sees(url)).toEqual([]);
    expect(sees('postgres://localhost,db2/d')).toEqual(['DATABASE_URL']);
    expect(openWays(loadConfig({}))).toEqual([]);
  });

  it('by DATABASE_DIRECT_URL too', () => {
    const env = { DATABASE_DIRECT_URL: 'postgres://db.example.org/d' };
    expect(sees('postgres://localhost:6432/d', env)).toEqual(['DATABASE_DIRECT_URL']);
  });

  it('and a production is told so in one line, without what is secret', () => {
    const env = { PUBLIC_URL: 'https://id.example.org', DATABASE_DIRECT_URL: 'postgres://u:hidden@db2/d' };
    const line = warningOfOpenWays(load('postgres://u:hidden@db1/d', env));
    expect(line).toMatch(/^DATABASE_URL leads to db1 without verified TLS: .* DATABASE_DIRECT_URL leads to db2 /);
    expect(line).not.toMatch(/hidden|\n/);
    expect(warningOfOpenWays(load('postgres://db1/d'))).toBeUndefined();
    expect(
      warningOfOpenWays(load('postgres://db1/d?sslmode=verify-full', { PUBLIC_URL: 'https://a.b' })),
    ).toBeUndefined();
  });
});
