import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';

const FOLDER = 'docs/standards';

it('docs/standards names tests that exist, by file and title', () => {
  const text = readdirSync(FOLDER)
    .map((name) => readFileSync(`${FOLDER}/${name}`, 'utf8'))
    .join('\n');
  const named = [...text.matchAll(/`((?:test|src)\/[\w/.-]+\.ts)`: `([^`]+)`/g)];
  const missing = named.filter(([, file = '', title = '']) => !readFileSync(file, 'utf8').includes(`${title}'`));
  expect(named.length).toBeGreaterThan(10);
  expect(missing.map(([found]) => found)).toEqual([]);
});
