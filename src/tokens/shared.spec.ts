import { describe, expect, it } from '@jest/globals';
import { Shared } from './shared.js';

describe('What many rows have in common', () => {
  it('is there once for each key', () => {
    const shared = new Shared<{ name: string }>(10);
    const one = shared.of('a', () => ({ name: 'a' }));
    expect(shared.of('a', () => ({ name: 'a' }))).toBe(one);
    expect(shared.of('b', () => ({ name: 'b' }))).toEqual({ name: 'b' });
  });

  it('is known for as long as it is among those that were asked for last', () => {
    const shared = new Shared<object>(2);
    const [one, two] = ['a', 'b'].map((key) => shared.of(key, () => ({})));
    expect(shared.of('a', () => ({}))).toBe(one);
    shared.of('c', () => ({}));
    expect(shared.of('a', () => ({}))).toBe(one);
    expect(shared.of('b', () => ({}))).not.toBe(two);
  });
});
