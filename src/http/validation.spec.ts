import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { validateSync } from 'class-validator';
import {
  countCharacters,
  HasAtMostCharacters,
  IsRefused,
  isUuid,
  IsUuid,
  Optional,
  OptionalOrEmpty,
  OptionalOrNull,
} from './validation.js';

/** @returns what a decorator says of a value */
function problemsOf(decorators: PropertyDecorator[], value: unknown): string[] {
  class Body {
    field = value;
  }
  for (const decorator of decorators) decorator(Body.prototype, 'field');
  return validateSync(new Body()).flatMap(({ constraints }) => Object.values(constraints ?? {}));
}

describe('what may be absent', () => {
  const NO = 'is bad';
  it.each<[name: string, optional: PropertyDecorator, fine: unknown[], checked: unknown[]]>([
    ['Optional', Optional(), [undefined], [null, '', 0, false]],
    ['OptionalOrNull', OptionalOrNull(), [undefined, null], ['', 0, false]],
    ['OptionalOrEmpty', OptionalOrEmpty(), [undefined, ''], [null, 0, false]],
  ])('%s', (_, optional, fine, checked) => {
    for (const value of fine) expect(problemsOf([optional, HasAtMostCharacters(-1)], value)).toEqual([]);
    for (const value of checked) expect(problemsOf([optional, IsRefused(NO)], value)).toEqual([NO]);
  });
});

describe('IsRefused', () => {
  it('lets nothing through but what is absent', () => {
    expect(problemsOf([IsRefused('No.')], undefined)).toEqual([]);
    for (const value of [null, '', 0, {}]) expect(problemsOf([IsRefused('No.')], value)).toEqual(['No.']);
  });
});

describe('HasAtMostCharacters', () => {
  // A letter with a variation selector, and one that JavaScript counts as two.
  it.each([
    ['abc', 3],
    ['a\ufe0f', 2],
    ['😀😀', 2],
  ])('%j has %d characters', (text, count) => {
    expect(countCharacters(text)).toBe(count);
    expect(problemsOf([HasAtMostCharacters(count)], text)).toEqual([]);
    expect(problemsOf([HasAtMostCharacters(count - 1)], text)).toEqual([`must be at most ${count - 1} characters`]);
  });

  it('has a message of its own where one is given', () => {
    expect(problemsOf([HasAtMostCharacters(1, 'is too long')], 'ab')).toEqual(['is too long']);
  });

  it('refuses what is no text', () => {
    expect(problemsOf([HasAtMostCharacters(9)], 1)).toHaveLength(1);
  });
});

describe('isUuid', () => {
  const ID = '1dc3567e-afd5-4819-acd4-21d0ef677dcd';
  it.each([ID, ID.toUpperCase(), '01234567-89ab-cdef-0123-456789abcdef', '00000000-0000-0000-0000-000000000000'])(
    '%s is one',
    (text) => {
      expect(isUuid(text)).toBe(true);
      expect(problemsOf([IsUuid()], text)).toEqual([]);
    },
  );

  it.each(['', ID.slice(1), `${ID}\n`, ` ${ID}`, ID.replaceAll('-', ''), ID.replace('1', 'g'), [ID], null])(
    '%j is none',
    (value) => {
      expect(problemsOf([IsUuid('is no id')], value)).toEqual(['is no id']);
    },
  );
});
