import type { en } from './en.js';

/** The name of a message. English is the catalogue that has them all. */
export type MessageId = keyof typeof en;

/**
 * The messages of a language, in ICU MessageFormat (https://unicode-org.github.io/icu/userguide/format_parse/messages/):
 * `{name}` is replaced, `{count, plural, …}` chooses by number, and `''` is an apostrophe.
 */
export type Catalogue = Record<MessageId, string>;
