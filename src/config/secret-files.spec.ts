import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ConfigError, loadConfig } from './config.js';
import { secretVariables } from './variables.js';

const KEY = 'a-key-that-is-32-characters-long';
const OTHER_KEY = 'another-key-with-more-than-32-characters';

/** For each secret: a good value, a bad one, and what else has to be set. */
const SECRETS: Record<string, { good: string; bad: string; beside?: Record<string, string> }> = {
  DATABASE_URL: { good: 'postgres://u:hidden@h/d', bad: 'mysql://hidden', beside: { SECRET_KEY: KEY } },
  DATABASE_DIRECT_URL: {
    good: 'postgres://u:hidden@h/d',
    bad: 'postgres://u:hid/den@h/d',
    beside: { DATABASE_URL: 'postgres://h/d', SECRET_KEY: KEY },
  },
  SECRET_KEY: { good: `${KEY},${OTHER_KEY}`, bad: 'hidden-but-short' },
  SMTP_URL: { good: 'smtps://u:hidden@mail.example.org', bad: 'hidden.example.org', beside: { MAIL_FROM: 'a@b.org' } },
  API_TOKEN_HMAC_SECRET: { good: 'hidden with spaces ', bad: 'hidden'.repeat(200) },
  API_TOKEN_BCRYPT_SALT: { good: '$2a$10$abcdefghijklmnopqrstuv', bad: 'hidden' },
  BOOTSTRAP_ADMIN_PASSWORD: { good: ' hidden password ', bad: 'hidden\ttab' },
  BOOTSTRAP_APP_TOKEN: { good: '0123456789abcdef0123456789abcdef', bad: 'hidden' },
  BOOTSTRAP_CLIENT_SECRET: { good: 'hidden'.repeat(6), bad: 'hidden' },
};

let folder: string;
let count = 0;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-secrets-'));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

const newPath = () => join(folder, `hidden-${(count += 1)}`);

function file(content: string | Buffer): string {
  const path = newPath();
  writeFileSync(path, content);
  return path;
}

function problemsOf(env: Record<string, string>): string[] {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

it('Every secret is tried here', () => {
  expect(Object.keys(SECRETS).sort()).toEqual([...secretVariables].sort());
});

it('README names every secret where it tells of files', () => {
  const [paragraph = ''] = /^Secrets may come from files[^]*?\n\n/m.exec(readFileSync('README.md', 'utf8')) ?? [];
  const named = [...paragraph.matchAll(/`([A-Z_]+)`/g)].map(([, name]) => name);
  expect([...named].sort()).toEqual([...secretVariables].sort());
});

describe.each(Object.entries(SECRETS))('%s', (name, { good, bad, beside = {} }) => {
  const variable = `${name}_FILE`;
  const withFile = (path: string) => ({ ...beside, [variable]: path });
  const problem = (path: string) => {
    const problems = problemsOf(withFile(path));
    expect(problems).toHaveLength(1);
    expect(problems[0]).not.toContain('hidden');
    return problems[0];
  };

  it.each(['', '\n', '\r\n'])('comes from a file that ends in %j as from the variable', (end) => {
    expect(loadConfig(withFile(file(good + end)))).toEqual(loadConfig({ ...beside, [name]: good }));
  });

  it('comes from a link to a file, as Kubernetes mounts them, and from what the file has at each start', () => {
    const path = newPath();
    const link = newPath();
    symlinkSync(path, link);
    writeFileSync(path, good);
    expect(loadConfig(withFile(link))).toEqual(loadConfig({ ...beside, [name]: good }));
    writeFileSync(path, bad);
    expect(problemsOf(withFile(link))).toHaveLength(1);
  });

  it('must not be set twice', () => {
    const env = { ...withFile(file(good)), [name]: good };
    expect(problemsOf(env)).toEqual([`${variable} must not be set together with ${name}`]);
    expect(problemsOf({ ...env, [name]: '' })).toEqual([]);
    expect(problemsOf({ ...env, [variable]: '' })).toEqual([]);
  });

  it('is judged as the variable is, without being shown', () => {
    expect(problem(file(bad))).toMatch(new RegExp(`^${variable} names a file whose content (must|has) `));
  });

  it('cannot come from what is no file, or has too little or too much', () => {
    expect(problem(newPath())).toBe(`${variable} must be the path of a readable file`);
    expect(problem(file(''))).toBe(`${variable} names an empty file`);
    expect(problem(file('\n'))).toBe(`${variable} names an empty file`);
    expect(problem(file(Buffer.of(0xff, 0xfe, 0x41)))).toBe(`${variable} names a file that is not text in UTF-8`);
    expect(problem(file('x'.repeat(65_537)))).toBe(`${variable} names a file of more than 64 KiB, which is no secret`);
    const inside = newPath();
    mkdirSync(inside);
    expect(problem(inside)).toBe(`${variable} names a folder; it must be the path of a file`);
    expect(problem('/dev/null')).toBe(`${variable} must be the path of a regular file`);
  });
});

it('A pipe that nobody writes to is refused at once', () => {
  const path = newPath();
  expect(spawnSync('mkfifo', [path]).status).toBe(0);
  expect(problemsOf({ SECRET_KEY_FILE: path })).toEqual(['SECRET_KEY_FILE must be the path of a regular file']);
});

it('A file that may not be read is said to be so', () => {
  const path = file(KEY);
  chmodSync(path, 0);
  const expected = process.getuid?.() === 0 ? [] : ['SECRET_KEY_FILE must be the path of a readable file'];
  expect(problemsOf({ SECRET_KEY_FILE: path })).toEqual(expected);
});

it('What could not be read is not said to be missing too', () => {
  expect(problemsOf({ DATABASE_URL: 'postgres://h/d', SECRET_KEY_FILE: newPath() })).toEqual([
    'SECRET_KEY_FILE must be the path of a readable file',
  ]);
});

it('Several lines of one key each are several keys, if a comma is between them', () => {
  expect(loadConfig({ SECRET_KEY_FILE: file(`${KEY},\n${OTHER_KEY}\n`) }).secretKeys).toEqual([KEY, OTHER_KEY]);
});
