import { expect, it } from '@jest/globals';
import { SecretKeys } from '../keys/secret-keys.js';
import { ImportOrigins } from './origins.service.js';

const [old, current] = ['an old key of 32 characters and more', 'a new key of 32 characters and more'];
const record = { type: 'account', individual: true, email: 'Fred@example.org' } as const;

it('An account that was imported under an earlier SECRET_KEY is known while that is configured', () => {
  const kept = new ImportOrigins(new SecretKeys([old])).kept(record);
  const later = new ImportOrigins(new SecretKeys([current, old]));
  expect(later.kept(record)).not.toEqual(kept);
  expect(later.possible({ ...record, email: 'fred@EXAMPLE.org' })).toContainEqual(kept);
  expect(new ImportOrigins(new SecretKeys([current])).possible(record)).not.toContainEqual(kept);
});

it('An account that was imported with ids keeps nothing', () => {
  const origins = new ImportOrigins(new SecretKeys([old]));
  expect(origins.kept({ ...record, legacyId: '0123456789abcdef01234567' })).toBeUndefined();
  expect(origins.kept({ ...record, id: '4fe40c80-7c3d-4cf4-8d5c-d26c7e4e2e0f' })).toBeUndefined();
});
