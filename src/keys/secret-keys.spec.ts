import { describe, expect, it } from '@jest/globals';
import { SecretKeys } from './secret-keys.js';

const KEY = 'an example of a secret key, 40 characters';
const OTHER = 'another example of a secret key, as long.';

describe('What is signed with a sub-key of SECRET_KEY', () => {
  it('is what RFC 5869 and RFC 2104 make of it, so that it stays good from release to release', () => {
    // Made by another implementation.
    expect(new SecretKeys([KEY]).sign('refresh-token', 'text')).toBe(
      'text.371fccc8.TSOS4F18ARwOo6Kw4veNzCdgssi9wBrJUEEQh_3Ew10',
    );
  });

  it('is good for no other purpose', () => {
    const keys = new SecretKeys([KEY]);
    const signed = keys.sign('refresh-token', 'text');
    expect(keys.verify('refresh-token', signed)).toBe('text');
    expect(keys.verify('password-reset', signed)).toBeUndefined();
    expect(keys.current('password-reset').key.equals(keys.current('refresh-token').key)).toBe(false);
  });

  it('is good while its SECRET_KEY is configured, and no longer', () => {
    const signed = new SecretKeys([OTHER]).sign('refresh-token', 'text');
    expect(new SecretKeys([KEY, OTHER]).verify('refresh-token', signed)).toBe('text');
    expect(new SecretKeys([KEY]).verify('refresh-token', signed)).toBeUndefined();
  });

  it('is not good when anything of it has changed', () => {
    const keys = new SecretKeys([KEY]);
    const signed = keys.sign('refresh-token', 'text');
    const [text = '', id = '', mac = ''] = signed.split('.');
    for (const changed of [`texts.${id}.${mac}`, `${text}.00000000.${mac}`, `${text}.${id}.${'A'.repeat(43)}`, text]) {
      expect(keys.verify('refresh-token', changed)).toBeUndefined();
    }
  });
});
