import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';

const flagsIn = (file: string, command: RegExp) =>
  command.exec(readFileSync(file, 'utf8'))?.[1]?.match(/--[\w-]+=\d+/g);

it('The image and the unit for systemd start Node.js with the flags of npm start', () => {
  const flags = flagsIn('package.json', /"start": "exec node (.*) dist/);
  expect(flags).toEqual(['--max-semi-space-size=8']);
  expect(flagsIn('Dockerfile', /^CMD \["node", (.*), "dist/m)).toEqual(flags);
  expect(flagsIn('deploy/systemd/latchkey@.service', /^ExecStart=\/usr\/bin\/node (.*) dist/m)).toEqual(flags);
});
