import { describe, expect, it } from '@jest/globals';
import { readKey } from './key-header.js';

describe('An Idempotency-Key', () => {
  it.each([
    ['8e03978e-40d5-43dd-bc93-6894a57f9324', '8e03978e-40d5-43dd-bc93-6894a57f9324'],
    ['"8e03978e-40d5-43dd-bc93-6894a57f9324"', '8e03978e-40d5-43dd-bc93-6894a57f9324'],
    ['1', '1'],
    ['"a b"', 'a b'],
    [String.raw`"a\"b\\c"`, String.raw`a"b\c`],
    ['a,b;c', 'a,b;c'],
    ['x'.repeat(255), 'x'.repeat(255)],
    [`"${'x'.repeat(255)}"`, 'x'.repeat(255)],
  ])('is read from %.40s', (header, key) => {
    expect(readKey(header)).toBe(key);
  });

  it.each(['', '""', 'a b', '"a', 'a"', '"a"b"', '"a", "b"', 'a, b', String.raw`"a\b"`, 'é', 'a\tb', 'x'.repeat(256)])(
    'is refused: %.40j',
    (header) => {
      expect(readKey(header)).toBeNull();
    },
  );
});
