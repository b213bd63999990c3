import Negotiator from 'negotiator';
import type { Catalogue } from './catalogue.js';
import { ar } from './ar.js';
import { de } from './de.js';
import { en } from './en.js';
import { es } from './es.js';
import { fr } from './fr.js';
import { ja } from './ja.js';

export interface Language {
  /** What it calls itself. */
  name: string;
  direction: 'ltr' | 'rtl';
  catalogue: Catalogue;
}

/** The languages of pages and mails, by their tags (BCP 47). A new one is a catalogue, and a line here. */
export const LANGUAGES = {
  en: { name: 'English', direction: 'ltr', catalogue: en },
  de: { name: 'Deutsch', direction: 'ltr', catalogue: de },
  es: { name: 'Español', direction: 'ltr', catalogue: es },
  fr: { name: 'Français', direction: 'ltr', catalogue: fr },
  ar: { name: 'العربية', direction: 'rtl', catalogue: ar },
  ja: { name: '日本語', direction: 'ltr', catalogue: ja },
} satisfies Record<string, Language>;

export type LanguageTag = keyof typeof LANGUAGES;

export const LANGUAGE_TAGS = Object.keys(LANGUAGES) as LanguageTag[];

export const DEFAULT_LANGUAGE: LanguageTag = 'en';

export const isLanguageTag = (value: unknown): value is LanguageTag =>
  typeof value === 'string' && Object.hasOwn(LANGUAGES, value);

/** @returns the language that a header `Accept-Language` likes best, of those that there are (RFC 9110 section 12.5.4) */
export function acceptedLanguage(header: string | undefined): LanguageTag {
  // Without the header, everything is as welcome.
  if (header === undefined) return DEFAULT_LANGUAGE;
  const tag = new Negotiator({ headers: { 'accept-language': header } }).language([...LANGUAGE_TAGS]);
  return isLanguageTag(tag) ? tag : DEFAULT_LANGUAGE;
}

/** As long as tags are that are in use (RFC 5646 section 4.4.1). */
export const LONGEST_LOCALE = 35;

/**
 * @returns the locale that a header `Accept-Language` likes best, of those for whose language there is a catalogue, as a
 *   canonical tag of BCP 47; null: none, or any
 */
export function acceptedLocale(header: string | undefined): string | null {
  if (header === undefined) return null;
  const liked = new Negotiator({ headers: { 'accept-language': header } }).languages();
  const tag = liked.find((one) => one.length <= LONGEST_LOCALE && isLanguageTag(primaryOf(one)) && isLocale(one));
  return tag === undefined ? null : (Intl.getCanonicalLocales(tag)[0] ?? null);
}

/** @returns a locale in its canonical form, or what is wrong with it */
export function readLocale(text: string): { value: string } | { problem: string } {
  if (text.length <= LONGEST_LOCALE && isLocale(text)) return { value: Intl.getCanonicalLocales(text)[0] ?? text };
  return { problem: 'must be a language tag, such as de or pt-BR' };
}

const primaryOf = (locale: string) => locale.toLowerCase().split('-')[0];

function isLocale(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length === 1;
  } catch {
    return false;
  }
}

/** @returns the language for a locale such as `de-CH`; the default one where there is none or no catalogue for it */
export function languageOf(locale: string | null): LanguageTag {
  const tag = primaryOf(locale ?? '');
  return isLanguageTag(tag) ? tag : DEFAULT_LANGUAGE;
}
