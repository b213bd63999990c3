import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { loadConfig } from '../src/config/config.js';
import { HARDENINGS, leftOpen } from '../src/config/hardening.js';
import { settingNames } from '../src/config/variables.js';
import { describeWhere } from './support/where.js';

/** What the unit is rated at, times ten, as `systemd-analyze` counts. */
const THRESHOLD = '15';
const unit = readFileSync('deploy/systemd/latchkey@.service', 'utf8');
/** The lines of the file as systemd reads them: a value may be quoted. */
const settings = Object.fromEntries(
  [...readFileSync('deploy/systemd/latchkey.env.example', 'utf8').matchAll(/^([A-Z_]+)="?(.*?)"?$/gm)].map(
    ([, name = '', value = '']) => [name, value],
  ),
);

it('The settings for systemd are the hardened profile, and the server takes them', () => {
  for (const { setting, hardened } of HARDENINGS)
    expect({ setting, value: settings[setting] }).toEqual({ setting, value: hardened });
  expect(leftOpen(loadConfig(settings))).toBeUndefined();
});

it('The unit sets nothing that the server does not know', () => {
  const names = [...unit.matchAll(/^Environment=(.*)$/gm)].flatMap(([, pairs = '']) =>
    pairs.split(' ').map((pair) => pair.split('=')[0]),
  );
  expect(names).toContain('SECRET_KEY_FILE');
  expect(names.filter((name = '') => name !== 'NODE_ENV' && !settingNames.includes(name))).toEqual([]);
});

const describeAnalyzed = describeWhere({
  has: spawnSync('systemd-analyze', ['--version']).status === 0,
  otherwise: 'there is no systemd-analyze (apt-get install systemd)',
});

describeAnalyzed('systemd-analyze', () => {
  let folder: string;
  let file: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'latchkey-systemd-'));
    file = join(folder, 'latchkey@3001.service');
    // Whether Node is installed there is not the question.
    writeFileSync(file, unit.replace('/usr/bin/node', process.execPath));
  });

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  const analyze = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync('systemd-analyze', [...args, '--no-pager', file], {
      encoding: 'utf8',
    });
    return { status, output: stdout + stderr };
  };

  it('finds nothing wrong with the unit', () => {
    expect(analyze('verify')).toEqual({ status: 0, output: '' });
  });

  it('rates its exposure as low', () => {
    const { status, output } = analyze('security', '--offline=yes', `--threshold=${THRESHOLD}`);
    expect({ status, output: status === 0 ? '' : output }).toEqual({ status: 0, output: '' });
    expect(analyze('security', '--offline=yes', '--threshold=1').status).toBe(1);
  });
});
