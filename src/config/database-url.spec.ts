import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { DatabaseUrlError, parseDatabaseUrl } from './database-url.js';

const certificate = join(mkdtempSync(join(tmpdir(), 'latchkey-ca-')), 'ca.pem');
writeFileSync(certificate, 'a certificate');
const local = { host: 'localhost', port: 5432 };

describe('a URL of a database', () => {
  it.each([
    ['postgres://u:p@h/d', { host: 'h', port: 5432, user: 'u', password: 'p', database: 'd', ssl: 'prefer' }],
    ['postgresql://h:6543', { host: 'h', port: 6543, ssl: 'prefer' }],
    ['postgres://u:p@/db?host=/socket', { host: '/socket', port: 5432, user: 'u', password: 'p', database: 'db' }],
    ['postgres://u@%2Fvar%2Frun:5433/db', { host: '/var/run', port: 5433, user: 'u', database: 'db' }],
    ['postgres://u@ignored/db?host=%2Frun&port=5434', { host: '/run', port: 5434, user: 'u', database: 'db' }],
    ['postgres://[::1]:5433/d', { host: '::1', port: 5433, database: 'd', ssl: 'prefer' }],
    [
      'postgres://u:a%40b%2Fc%3A:d@h/d',
      { host: 'h', port: 5432, user: 'u', password: 'a@b/c::d', database: 'd', ssl: 'prefer' },
    ],
    ['postgres://u:p@ss@h/d', { host: 'h', port: 5432, user: 'u', password: 'p@ss', database: 'd', ssl: 'prefer' }],
    ['postgres:///d%20b?user=u&password=p', { ...local, user: 'u', password: 'p', database: 'd b', ssl: 'prefer' }],
    ['postgres://h/?dbname=d&connect_timeout=10&keepalives=1', { host: 'h', port: 5432, database: 'd', ssl: 'prefer' }],
    [
      'postgres://h/d?options=-c%20search_path%3Da&application_name=x',
      { host: 'h', port: 5432, database: 'd', options: '-c search_path=a', application_name: 'x', ssl: 'prefer' },
    ],
    [
      'postgres://h/d?sslmode=require&channel_binding=require',
      { host: 'h', port: 5432, database: 'd', enableChannelBinding: true, ssl: { rejectUnauthorized: false } },
    ],
    ['postgres://h/d?sslmode=disable', { host: 'h', port: 5432, database: 'd' }],
    ['postgres://h/d?sslmode=verify-full', { host: 'h', port: 5432, database: 'd', ssl: {} }],
    ['postgres://h/d?ssl=true', { host: 'h', port: 5432, database: 'd', ssl: {} }],
    ['postgres://h/d?sslmode=no-verify', { host: 'h', port: 5432, database: 'd', ssl: { rejectUnauthorized: false } }],
    [
      `postgres://h/d?sslmode=verify-full&sslrootcert=${certificate}`,
      { host: 'h', port: 5432, database: 'd', ssl: { ca: 'a certificate' } },
    ],
  ])('is understood as libpq does: %s', (url, expected) => {
    expect(parseDatabaseUrl(url)).toEqual(expected);
  });

  it.each([
    [
      'postgres://h1:1,h2:2,/d',
      [
        { host: 'h2', port: 2 },
        { host: 'localhost', port: 5432 },
      ],
      { host: 'h1', port: 1 },
    ],
    ['postgres://h1,h2/d?port=7', [{ host: 'h2', port: 7 }], { host: 'h1', port: 7 }],
    ['postgres://h1,h2/d?target_session_attrs=read-write', [{ host: 'h2', port: 5432 }], { host: 'h1', port: 5432 }],
    ['postgres:///d?host=/a,/b&port=1,2', [{ host: '/b', port: 2 }], { host: '/a', port: 1 }],
  ])('may name several hosts: %s', (url, otherHosts, first) => {
    expect(parseDatabaseUrl(url)).toMatchObject({ ...first, otherHosts });
  });

  it.each(['require', 'verify-ca'])('with sslmode=%s and a root certificate the name does not matter', (mode) => {
    const { ssl } = parseDatabaseUrl(`postgres://h/d?sslmode=${mode}&sslrootcert=${certificate}`);
    expect(ssl).toEqual({ ca: 'a certificate', checkServerIdentity: expect.any(Function) });
  });

  it.each([
    'postgres://u:pa/ss@h/d',
    'postgres://u:pa#ss@h/d',
    'postgres://u:pa?ss@h/d',
    'postgres://u:12?secretword=x@h/d',
    'postgres://u:100%@h/d',
    'postgres://u:p w@h o/d',
    'mysql://h/d',
    'h/d',
  ])('names a password that has to be encoded as the cause: %s', (url) => {
    expect(() => parseDatabaseUrl(url)).toThrow(/the password must be percent-encoded/);
  });

  it.each([
    ['postgres:///d?host=/a,h2&sslmode=verify-full', 'mixes Unix sockets and names of hosts'],
    ['postgres://h:0/d', 'has a port that is not from 1 to 65535'],
    ['postgres://h:99999/d', 'has a port that is not from 1 to 65535'],
    ['postgres://h/d?schema=public', 'has the parameter schema, which is not supported'],
    ['postgres://h/d?service=x', 'has the parameter service, which is not supported'],
    ['postgres://h/d?target_session_attrs=standby', 'has a value of target_session_attrs that is not supported'],
    ['postgres://h/d?gssencmode=require', 'has a value of gssencmode that is not supported'],
    ['postgres://h/d?sslmode=sometimes', 'has an sslmode that does not exist'],
    ['postgres://h/d?sslmode=verify-ca', 'has sslmode=verify-ca, which needs DATABASE_CA_FILE or sslrootcert'],
    ['postgres://h/d?sslrootcert=/nowhere/ca.pem', 'has a file in sslrootcert that cannot be read'],
  ])('is refused for the right reason: %s', (url, problem) => {
    expect(() => parseDatabaseUrl(url)).toThrow(new DatabaseUrlError(problem));
  });
});
