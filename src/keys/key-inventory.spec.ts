import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';

it('docs/keys.md has each purpose of a sub-key of SECRET_KEY once, with its algorithm and what it protects', () => {
  const [, declaration = ''] =
    /export type KeyPurpose =([^;]+);/.exec(readFileSync('src/keys/secret-keys.ts', 'utf8')) ?? [];
  const purposes = [...declaration.matchAll(/'([\w-]+)'/g)].map(([, purpose]) => purpose);
  expect(purposes.length).toBeGreaterThan(5);
  const [, page = ''] = readFileSync('docs/keys.md', 'utf8').split('### Sub-keys');
  const [table = ''] = page.split('###');
  const rows = [...table.matchAll(/^\| `([\w-]+)` +\| \w[^|]+ \| \w[^|]+ \| \w[^|]+ \|$/gm)];
  expect(rows.map(([, purpose]) => purpose)).toEqual(purposes);
});
