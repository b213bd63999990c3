import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { installScriptProblems } from '../scripts/check-install-scripts.js';

const LOCK = {
  packages: {
    '': {},
    'node_modules/plain': {},
    'node_modules/good': { hasInstallScript: true },
    'node_modules/plain/node_modules/@a/nested': { hasInstallScript: true },
  },
};

const ALLOWED = { good: true, '@a/nested': false, gone: true };

describe('A package that runs a script when it is installed', () => {
  it('is refused unless it is on the list, however deep it is', () => {
    expect(installScriptProblems(LOCK, { good: 'builds something' }, { good: true })).toEqual([
      '@a/nested runs a script when it is installed, and is not in scripts/install-scripts.json',
    ]);
  });

  it('stays on the list no longer than it runs one, and never without a reason', () => {
    expect(installScriptProblems(LOCK, { good: ' ', '@a/nested': 'x', gone: 'x' }, ALLOWED)).toEqual([
      'gone is in scripts/install-scripts.json, but runs no script any more',
      'good is in scripts/install-scripts.json without a reason',
    ]);
  });

  it('is allowed or forbidden for npm too, which would ask otherwise', () => {
    const reasons = { good: 'builds something', '@a/nested': 'reports to somebody' };
    expect(installScriptProblems(LOCK, reasons, { good: true })).toEqual([
      '@a/nested is in only one of scripts/install-scripts.json and allowScripts of package.json',
    ]);
  });

  it('of ours is on the list', () => {
    expect(execFileSync(process.execPath, ['scripts/check-install-scripts.js'], { encoding: 'utf8' })).toBe(
      'Every install script is on the list.\n',
    );
  });
});

it('The installation of Swagger UI reports to nobody', () => {
  const { scarfSettings } = JSON.parse(readFileSync('package.json', 'utf8')) as { scarfSettings?: object };
  expect(scarfSettings).toEqual({ enabled: false });
});
