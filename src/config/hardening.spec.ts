import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { loadConfig } from './config.js';
import { HARDENINGS, leftOpen } from './hardening.js';

const HTTPS = { PUBLIC_URL: 'https://auth.example.org' };
const hardened = Object.fromEntries(HARDENINGS.map(({ setting, hardened }) => [setting, hardened]));

describe('The table of settings that harden', () => {
  it('has the values that settings have by default', () => {
    const byDefault = Object.fromEntries(HARDENINGS.map(({ setting, byDefault }) => [setting, byDefault ?? '']));
    expect(loadConfig(byDefault)).toEqual(loadConfig({}));
  });

  it.each(HARDENINGS)('knows its own hardened value of $setting as such', ({ setting, hardened, isHardened }) => {
    expect(isHardened(loadConfig({ [setting]: hardened }))).toBe(true);
  });

  it.each(HARDENINGS.filter(({ byDefault, hardened }) => byDefault !== hardened))(
    'knows that $setting is open by default',
    ({ isHardened }) => {
      expect(isHardened(loadConfig({}))).toBe(false);
    },
  );

  it.each([
    ['BCRYPT_COST', '11'],
    ['PASSWORD_MIN_LENGTH', '14'],
    ['REFRESH_TTL', '604801'],
    ['SESSION_MAX_AGE', '2592001'],
    ['FRONTEND_AUTH', 'none'],
    ['RATE_LIMIT_PER_MINUTE', '0'],
    ['RATE_LIMIT_PER_MINUTE', '121'],
    ['WRITE_LIMIT_PER_MINUTE', '0'],
  ])('knows that %s=%s is open', (setting, value) => {
    const line = leftOpen(loadConfig({ ...HTTPS, ...hardened, [setting]: value }));
    expect(line).toContain(setting);
    expect(line?.match(/[A-Z_]+=/g)).toEqual([`${setting}=`]);
  });

  it('ends a session that is not used before one that is', () => {
    const { refreshTtl, sessionMaxAge } = loadConfig(hardened);
    expect(refreshTtl).toBeLessThan(sessionMaxAge);
  });

  it('is the one in docs/hardening.md', () => {
    const rows = [...readFileSync('docs/hardening.md', 'utf8').matchAll(/^\| `([A-Z_]+)` .*\|$/gm)].map(([row]) =>
      row
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    );
    expect(rows).toEqual(
      HARDENINGS.map(({ setting, byDefault, hardened, protectsFrom }) => [
        `\`${setting}\``,
        byDefault === undefined ? 'none' : `\`${byDefault}\``,
        `\`${hardened}\``,
        protectsFrom,
      ]),
    );
  });

  it('is set by deploy/, which leaves nothing open', () => {
    const { configMapGenerator } = parse(readFileSync('deploy/base/kustomization.yaml', 'utf8')) as {
      configMapGenerator: { literals: string[] }[];
    };
    const set = Object.fromEntries(
      configMapGenerator.flatMap(({ literals }) => literals).map((literal) => literal.split('=', 2)),
    ) as Record<string, string>;
    expect(set).toMatchObject(hardened);
  });
});

describe('A start', () => {
  it('names what a production has left open, with the hardened values', () => {
    expect(leftOpen(loadConfig({ ...HTTPS, PASSWORD_MIN_LENGTH: '64' }))).toMatch(
      /^not hardened, see docs\/hardening\.md; .*\bEMAIL_VERIFICATION=required\b/,
    );
    expect(leftOpen(loadConfig({ ...HTTPS, PASSWORD_MIN_LENGTH: '64' }))).not.toContain('PASSWORD_MIN_LENGTH');
  });

  it('says nothing when nothing is open, nor without https', () => {
    expect(leftOpen(loadConfig({ ...HTTPS, ...hardened }))).toBeUndefined();
    expect(leftOpen(loadConfig({}))).toBeUndefined();
  });
});
