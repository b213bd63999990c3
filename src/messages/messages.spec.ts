import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { IntlMessageFormat } from 'intl-messageformat';
import { en } from './en.js';
import { acceptedLanguage, LANGUAGES, LANGUAGE_TAGS, languageOf } from './languages.js';
import { Texts, textsIn } from './texts.js';

const ids = Object.keys(en) as (keyof typeof en)[];

type MessageFormatElement = ReturnType<IntlMessageFormat['getAst']>[number];

/** The kinds of what a message is made of, as FormatJS numbers them. */
const [LITERAL, PLURAL, POUND] = [0, 6, 7];

/** @returns the names of a message's placeholders, and how each is used: `count plural` */
function placeholdersOf(message: string): string[] {
  const found = new Set<string>();
  const visit = (elements: MessageFormatElement[]) => {
    for (const element of elements) {
      const type: number = element.type;
      if (type === LITERAL || type === POUND || !('value' in element)) continue;
      found.add(`${element.value} ${type === PLURAL ? 'plural' : type}`);
      if ('options' in element) for (const { value } of Object.values(element.options)) visit(value);
    }
  };
  visit(new IntlMessageFormat(message, 'en', undefined, { ignoreTag: true }).getAst());
  return [...found].sort();
}

/** What all sources say, but for the catalogues themselves. */
const sources = readdirSync(new URL('..', import.meta.url), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.startsWith('messages/') && !name.endsWith('.spec.ts'))
  .map((name) => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8'))
  .concat(readFileSync(new URL('./texts.ts', import.meta.url), 'utf8'))
  .join('\n');

/** The messages that sources ask for: by their whole name, or by one with a part that is filled in. */
const asked = [...sources.matchAll(/['`]([a-z][A-Za-z]*\.[\w.${}?' ]*)['`]/g)].map(
  ([, name = '']) =>
    new RegExp(
      `^${name
        .replace(/\$\{.*?\}/g, '*')
        .replaceAll('.', '\\.')
        .replaceAll('*', '[^.]+')}$`,
    ),
);

describe('Messages', () => {
  it('are each asked for', () => {
    expect(ids.filter((id) => !asked.some((pattern) => pattern.test(id)))).toEqual([]);
  });

  describe.each(LANGUAGE_TAGS)('in %s', (tag) => {
    const { catalogue } = LANGUAGES[tag];

    it('are all there, and no others', () => {
      expect(Object.keys(catalogue).sort()).toEqual([...ids].sort());
    });

    it.each(ids)('%s has the placeholders of the English one, and is not empty', (id) => {
      expect(placeholdersOf(catalogue[id])).toEqual(placeholdersOf(en[id]));
      expect(catalogue[id].trim()).not.toBe('');
    });

    it('can be said for any count', () => {
      const texts = new Texts(tag);
      for (const count of [0, 1, 2, 3, 11, 20, 100, 1_000_000]) {
        for (const id of ids.filter((name) => placeholdersOf(en[name]).join() === 'count plural')) {
          expect(texts.say(id, { count })).toMatch(/\S/);
        }
      }
    });
  });
});

describe('Languages', () => {
  it('say durations in their largest unit', () => {
    expect([1, 59, 60, 3_599, 3_600, 172_800].map((seconds) => textsIn('en').duration(seconds))).toEqual([
      'one second',
      '59 seconds',
      'one minute',
      '59 minutes',
      'one hour',
      '2 days',
    ]);
    expect([0.2, -3].map((seconds) => textsIn('en').duration(seconds))).toEqual(['one second', 'one second']);
    expect([60, 86_400].map((seconds) => textsIn('de').duration(seconds))).toEqual(['einer Minute', 'einem Tag']);
  });

  it('are chosen by a header of browsers, and by the locale of an account', () => {
    expect(['ja', 'fr-CA,fr;q=0.8', 'ar-EG', 'pt,es;q=0.1', 'xx', ''].map(acceptedLanguage)).toEqual([
      'ja',
      'fr',
      'ar',
      'es',
      'en',
      'en',
    ]);
    expect(['de-CH', 'ar', 'xx-YY', null].map(languageOf)).toEqual(['de', 'ar', 'en', 'en']);
  });
});
