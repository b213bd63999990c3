import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';

const isLatest = (tag: string, tags: string[]) =>
  execFileSync(process.execPath, ['scripts/release/is-latest.js', tag], { input: tags.join('\n'), encoding: 'utf8' });

describe('`latest`', () => {
  it.each([
    ['v0.1.0', ['v0.1.0']],
    ['v1.10.0', ['v1.9.9', 'v1.10.0', 'v0.99.99']],
    ['v2.0.0', ['v2.0.0-rc.1', 'v2.0.0', 'v1.99.0']],
    ['v1.0.0', ['v1.0.0', 'v2.0.0-beta.1', 'v1.0.1-0']],
    ['v1.0.0', ['v1.0.0', 'v9', 'v9.9', 'vault', 'v9.9.9.9', 'v09.0.0', '9.9.9', 'chart-9.9.9', 'v9.9.9+build']],
    ['v99999999999999999999.0.1', ['v99999999999999999999.0.0', 'v99999999999999999999.0.1']],
  ])('becomes %s, where the tags are %j', (tag, tags) => {
    expect(isLatest(tag, tags)).toBe('true\n');
  });

  it.each([
    ['v1.9.10', ['v1.9.10', 'v1.10.0']],
    ['v1.9.9', ['v2.0.0', 'v1.9.9']],
    ['v1.9.9', ['v1.9.9', 'v1.9.10']],
    ['v99999999999999999999.0.0', ['v99999999999999999999.0.0', 'v99999999999999999999.0.1']],
    ['v2.0.0-rc.1', ['v1.0.0', 'v2.0.0-rc.1']],
    ['v2.0.0+build', ['v1.0.0', 'v2.0.0+build']],
    ['v2', ['v1.0.0', 'v2']],
    // The list could not be had, or the tag has been deleted since.
    ['v1.0.0', []],
    ['v1.0.0', ['v0.9.0']],
  ])('stays what it is after %s, where the tags are %j', (tag, tags) => {
    expect(isLatest(tag, tags)).toBe('false\n');
  });
});

describe('The chart of a fork', () => {
  const IMAGE = 'ghcr.io/example-org/latchkey_fork';
  const RUNBOOKS = 'https://github.com/Example-Org/latchkey_fork/blob/v0.1.0/docs/runbooks/';
  const read = (folder: string) => readFileSync(join(folder, 'deploy/chart/values.yaml'), 'utf8');
  const set = (...args: string[]) =>
    spawnSync(process.execPath, [join(copy, 'scripts/release/set-chart-defaults.js'), ...args], { encoding: 'utf8' });
  let copy: string;

  beforeEach(() => {
    copy = mkdtempSync(join(tmpdir(), 'latchkey-release-'));
    for (const folder of ['scripts/release', 'deploy/chart']) cpSync(folder, join(copy, folder), { recursive: true });
    cpSync('package.json', join(copy, 'package.json'));
  });

  afterEach(() => {
    rmSync(copy, { recursive: true });
  });

  it('installs the image of that fork, and leads to its runbooks, and is otherwise the same', () => {
    expect(set(IMAGE, RUNBOOKS)).toMatchObject({ status: 0, stderr: '' });
    const ours = parse(read('.')) as { image: object; prometheusRule: object };
    expect(parse(read(copy))).toEqual({
      ...ours,
      image: { ...ours.image, repository: IMAGE },
      prometheusRule: { ...ours.prometheusRule, runbookUrl: RUNBOOKS },
    });
    const lines = (folder: string) => read(folder).split('\n').length;
    expect(lines(copy)).toBe(lines('.'));
  });

  it.each([
    ['nothing', []],
    ['a name with capitals, which no registry takes', ['ghcr.io/Example/latchkey', RUNBOOKS]],
    ['an image with a tag', [`${IMAGE}:1.0.0`, RUNBOOKS]],
    ['what would be more than a value', [`${IMAGE}\nx: y`, RUNBOOKS]],
    ['runbooks that are nowhere', [IMAGE, 'docs/runbooks/']],
  ])('is not made of %s', (_what, args) => {
    expect(set(...args).status).not.toBe(0);
    expect(read(copy)).toBe(read('.'));
  });

  it('is made once', () => {
    expect(set(IMAGE, RUNBOOKS).status).toBe(0);
    expect(set(IMAGE, RUNBOOKS).stderr).toContain('The chart has to have one line "repository: latchkey"');
  });
});
