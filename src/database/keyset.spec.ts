import { describe, expect, it } from '@jest/globals';
import { keyset, where } from './keyset.js';

describe('keyset', () => {
  const CURSOR = { micros: '1700000000000000', id: '1dc3567e-afd5-4819-acd4-21d0ef677dcd' };

  it('has no condition without a cursor', () => {
    const values: unknown[] = ['app'];
    expect(keyset('created_at', 'id', 'DESC').behind(undefined, values)).toEqual([]);
    expect(values).toEqual(['app']);
  });

  it('adds the values of a cursor to those of the statement', () => {
    const values: unknown[] = ['app'];
    expect(keyset('t.created_at', 't.id', 'DESC').behind(CURSOR, values)).toEqual([
      `(t.created_at, t.id) < ('epoch'::timestamptz + $2::float8 * interval '1 microsecond', $3)`,
    ]);
    expect(values).toEqual(['app', CURSOR.micros, CURSOR.id]);
  });

  it('compares in the direction of the order', () => {
    const oldestFirst = keyset('at', 'id', 'ASC');
    expect(oldestFirst.orderBy).toBe('ORDER BY at ASC, id ASC');
    expect(oldestFirst.behind(CURSOR, [])[0]).toMatch(/^\(at, id\) > /);
    expect(keyset('at', 'id', 'DESC').orderBy).toBe('ORDER BY at DESC, id DESC');
  });
});

describe('where', () => {
  it('is empty without conditions', () => {
    expect(where([])).toBe('');
  });

  it('joins conditions', () => {
    expect(where(['a = $1'])).toBe('WHERE a = $1');
    expect(where(['a = $1', 'b'])).toBe('WHERE a = $1 AND b');
  });
});
