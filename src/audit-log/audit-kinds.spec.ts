import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { AUDIT_KINDS } from './audit-kinds.js';

it('docs/audit.md has each kind of event once, in order, with when it is recorded', () => {
  const [, events = ''] = readFileSync('docs/audit.md', 'utf8').split('## The events');
  const rows = [...events.matchAll(/^\| `([\w.]+)` +\| ([^|]+) \| ([^|]*) \|$/gm)];
  expect(rows.map(([, kind]) => kind)).toEqual([...AUDIT_KINDS]);
  for (const [, kind, when = ''] of rows) expect([kind, when.trim() !== '']).toEqual([kind, true]);
});
