import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { format, resolveConfig } from 'prettier';
import { writePermissions } from '../../scripts/permissions.js';

const PAGE = 'docs/permissions.md';

it('docs/permissions.md says of each route whose it is, and of each field who reads and writes it', async () => {
  const page = readFileSync(PAGE, 'utf8');
  const description: unknown = JSON.parse(readFileSync('docs/openapi.json', 'utf8'));
  const written = writePermissions(page, description);
  expect(written.problems).toEqual([]);
  expect(await format(written.page, { ...(await resolveConfig(PAGE)), filepath: PAGE })).toBe(page);
});
