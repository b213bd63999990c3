import { IntlMessageFormat } from 'intl-messageformat';
import type { MessageId } from './catalogue.js';
import { LANGUAGES, type Language, type LanguageTag } from './languages.js';

export type Values = Record<string, string | number | Date>;

/** The texts of one language. */
export class Texts {
  private readonly formats = new Map<MessageId, IntlMessageFormat>();

  constructor(readonly language: LanguageTag) {}

  get direction(): Language['direction'] {
    return LANGUAGES[this.language].direction;
  }

  /** @returns the message with these values, as plain text */
  say(id: MessageId, values: Values = {}): string {
    return this.format(id).format(values) as string;
  }

  /**
   * @param values in place of which a part may be anything, such as an element of a page
   * @returns the parts of the message in order: texts, and the values that are none
   */
  parts<Part extends object>(id: MessageId, values: Record<string, Part | string | number>): (string | Part)[] {
    const parts = this.format(id).format<Part>(values);
    return Array.isArray(parts) ? parts : [parts];
  }

  /** @returns a duration in its largest unit, in the form that it has after a word like "within" */
  duration(seconds: number): string {
    for (const [unit, size] of [
      ['days', 86_400],
      ['hours', 3_600],
      ['minutes', 60],
    ] as const) {
      const count = Math.floor(seconds / size);
      if (count > 0) return this.say(`duration.${unit}`, { count });
    }
    return this.say('duration.seconds', { count: Math.max(1, Math.ceil(seconds)) });
  }

  private format(id: MessageId): IntlMessageFormat {
    const known = this.formats.get(id);
    if (known) return known;
    const message = LANGUAGES[this.language].catalogue[id];
    // Everywhere the digits that people type and that addresses have.
    const made = new IntlMessageFormat(message, `${this.language}-u-nu-latn`, undefined, { ignoreTag: true });
    this.formats.set(id, made);
    return made;
  }
}

const known = new Map<LanguageTag, Texts>();

/** @returns the texts of a language; the same each time, as parsing messages takes long */
export function textsIn(language: LanguageTag): Texts {
  const texts = known.get(language) ?? new Texts(language);
  known.set(language, texts);
  return texts;
}
