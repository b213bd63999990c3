import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from '@jest/globals';

const flagsIn = (file: string, command: RegExp) =>
  command.exec(readFileSync(file, 'utf8'))?.[1]?.match(/--[\w-]+=\d+/g);

it('The image and the unit for systemd start Node.js with the flags of npm start', () => {
  const flags = flagsIn('package.json', /"start": "exec node (.*) dist/);
  expect(flags).toEqual(['--max-semi-space-size=8']);
  expect(flagsIn('Dockerfile', /^CMD \["node", (.*), "dist/m)).toEqual(flags);
  expect(flagsIn('deploy/systemd/latchkey@.service', /^ExecStart=\/usr\/bin\/node (.*) dist/m)).toEqual(flags);
});

it('V8 takes every flag that is set while Latchkey runs', () => {
  const memory = pathToFileURL(resolve('dist/src/config/memory.js')).href;
  // With `--help` V8 lists its flags as they are set.
  const script = `(await import('${memory}')).saveMemory(); (await import('node:v8')).setFlagsFromString('--help');`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  expect(stderr).toBe('');
  for (const flag of ['--heap-growing-percent=30', '--no-allocation-site-pretenuring', '--no-maglev']) {
    expect(stdout).toMatch(new RegExp(`default: ${flag}$`, 'm'));
  }
});
