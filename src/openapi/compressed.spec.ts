import { expect, it } from '@jest/globals';
import { codingFor } from './compressed.js';

it.each([
  [undefined, undefined],
  ['', undefined],
  ['identity', undefined],
  ['gzip, deflate, br, zstd', 'br'],
  ['gzip', 'gzip'],
  ['GZIP;q=0.5', 'gzip'],
  ['br;q=0, gzip', 'gzip'],
  ['br; q=0, *', 'gzip'],
  ['*', 'br'],
  ['*;q=0', undefined],
  ['gzip;q=nonsense', undefined],
])('to whoever accepts %p it sends %p', (accepted, coding) => {
  expect(codingFor(accepted)).toBe(coding);
});
