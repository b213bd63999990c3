import 'reflect-metadata';
import { describe, expect, it, jest } from '@jest/globals';
import { validateSync } from 'class-validator';
import {
  countCharacters,
  HasAtMostCharacters,
  IsName,
  IsRefused,
  isUuid,
  IsUuid,
  Optional,
  OptionalOrEmpty,
  OptionalOrNull,
  spellingsOfName,
  tidy,
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

describe('IsName', () => {
  it('neither counts nor normalises what is far too long', () => {
    const normalize = jest.spyOn(String.prototype, 'normalize');
    const from = jest.spyOn(Array, 'from');
    const problems = problemsOf([IsName()], 'é'.repeat(1_000_000));
    const calls: unknown[] = [normalize.mock.contexts, from.mock.calls].flat(2);
    normalize.mockRestore();
    from.mockRestore();
    expect(problems).toEqual(['must be at most 255 characters']);
    expect(calls.filter((text) => String(text).length > 1_000)).toEqual([]);
  });

  it('counts what is short enough as typed in NFC too', () => {
    // Its NFC has two characters.
    expect(problemsOf([IsName()], '\u0958'.repeat(127))).toEqual([]);
    expect(problemsOf([IsName()], '\u0958'.repeat(128))).toEqual(['must be at most 255 characters']);
  });
});

describe('Names', () => {
  it.each<[name: string, spelling: string]>([
    ['Cafe\u0301', 'Café'],
    ['Open\u200b Uni\u00adversity\ufeff', 'Open University'],
    ['Open\u00a0 University\u2003', 'Open University'],
    ['東京\u3000大学\u2060', '東京 大学'],
    // These are seen: a joiner, a mark of direction, the style of an emoji, the form of a character, a flag.
    ['می\u200cخواهم', 'می\u200cخواهم'],
    ['א\u200f(1)', 'א\u200f(1)'],
    ['👩\u200d🔬 ❤\ufe0f', '👩\u200d🔬 ❤\ufe0f'],
    ['葛\u{e0100}', '葛\u{e0100}'],
    [
      '🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}',
      '🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}',
    ],
  ])('%j is stored as %j', (name, spelling) => {
    expect(problemsOf([IsName()], name)).toEqual([]);
    expect(tidy(name)).toBe(spelling);
  });

  it.each([
    ['a filler that is a letter and shows nothing', '\u3164'],
    ['spaces', ' \u00a0'],
    ['a character that is none', 'a\uffff'],
    ['another one', 'a\u{1fffe}'],
    ['a change of direction', 'a\u202eb'],
  ])('are refused when they are %s', (_, name) => {
    expect(problemsOf([IsName()], name)).toEqual(['must be one line of text']);
  });

  it('are looked for as they are stored now and as they may have been before', () => {
    expect(spellingsOfName('Open  University')).toEqual(['Open University', 'Open  University']);
    expect(spellingsOfName('Café')).toEqual(['Café']);
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
