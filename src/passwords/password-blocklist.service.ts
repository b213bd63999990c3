import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { CONFIG, type Config } from '../config/config.js';
import { spellingsOf } from '../emails/email-address.js';
import { WordSet } from './word-set.js';

/** Whose password it is going to be, as far as that is known. */
export interface PasswordOwner {
  emails?: (string | null)[];
  name?: string | null;
}

const COMMON_PASSWORDS = new URL('./common-passwords.txt', import.meta.url);

const INSTEAD = 'choose another one, such as a few words that have nothing to do with each other';
export const TOO_COMMON = `is one of the most common passwords, which are guessed first; ${INSTEAD}`;
export const TOO_CLOSE = `is little more than your email, your name or the name of this service; ${INSTEAD}`;

/** Shorter words are parts of many passwords. */
const SHORTEST_PART = 4;

/** Passwords that nobody may choose (PASSWORD_BLOCKLIST), after NIST SP 800-63B-4 section 3.1.1.2. */
@Injectable()
export class PasswordBlocklist implements OnModuleInit {
  private common: WordSet | undefined;
  private readonly ofService: string[];

  constructor(@Inject(CONFIG) private readonly config: Config) {
    // The top level of a domain names nobody.
    const labels = new URL(config.publicUrl).hostname.split('.').slice(0, -1);
    this.ofService = ['latchkey', config.mailFrom.name, ...labels];
  }

  async onModuleInit(): Promise<void> {
    const { passwordBlocklist: setting } = this.config;
    if (setting !== 'off') this.common = await WordSet.read(setting === 'on' ? COMMON_PASSWORDS : setting, fold);
  }

  /** @returns why a password is refused; undefined: it is not */
  problemOf(password: string, { emails = [], name = null }: PasswordOwner = {}): string | undefined {
    if (!this.common) return undefined;
    const folded = fold(password);
    if (isCommon(folded, this.common)) return TOO_COMMON;
    const words = [...emails.flatMap(wordsOfEmail), ...this.ofService, name ?? ''].flatMap(partsOf);
    return isMadeOf(folded, words, this.common) ? TOO_CLOSE : undefined;
  }
}

/** Without what nobody sees, as whoever guesses tries the word that is seen. */
function fold(word: string): string {
  return word
    .normalize('NFKC')
    .replace(/\p{Default_Ignorable_Code_Point}+/gu, '')
    .toLowerCase();
}

function wordsOfEmail(email: string | null): string[] {
  if (email === null) return [];
  return [email, ...spellingsOf(email)].flatMap((one) => [one, one.slice(0, one.lastIndexOf('@'))]);
}

/** @returns a text as it is, without what stands between its words, and each of these */
function partsOf(text: string): string[] {
  const folded = fold(text);
  return [folded, bare(folded), ...folded.split(/[^\p{L}\p{N}]+/u)];
}

/** A common password, or one that is repeated, or up to three characters that are. */
function isCommon(folded: string, common: WordSet): boolean {
  if (common.has(folded)) return true;
  // A text that is repeated is found in two of it before its end.
  const period = (folded + folded).indexOf(folded, 1);
  return period < folded.length && (period < SHORTEST_PART || common.has(folded.slice(0, period)));
}

/** Whether nothing is left without these words but a few characters, a number or a common password. */
function isMadeOf(folded: string, words: string[], common: WordSet): boolean {
  if (words.includes(folded)) return true;
  const parts = words.filter((word) => word.length >= SHORTEST_PART).sort((one, other) => other.length - one.length);
  const rest = bare(parts.reduce((text, part) => text.replaceAll(part, ' '), folded));
  if (rest === bare(folded)) return false;
  return rest.length <= SHORTEST_PART || /^\d{1,8}$/.test(rest) || common.has(rest);
}

/** Letters and digits only. */
function bare(text: string): string {
  return text.replace(/[^\p{L}\p{N}]+/gu, '');
}
