import { domainToUnicode } from 'node:url';
import { isEmail } from 'class-validator';
import type { Reading } from '../http/validation.js';
import { readEmailDomain } from './email-domains.js';

/** The longest that mail knows (RFC 5321 section 4.5.3.1). */
export const LONGEST_EMAIL = 254;

/** What nobody sees, or what turns the text around it, but for the joiners, which domains may have (RFC 5892). */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
const JOINERS = /[\u200c\u200d]/g;

/** What stands before the @ without quotes (RFC 5322 section 3.2.3, RFC 6532 section 3.2). */
const DOT_ATOM = /^(?:[\w!#$%&'*+/=?^`{|}~-]|[^\p{ASCII}\s])+(?:\.(?:[\w!#$%&'*+/=?^`{|}~-]|[^\p{ASCII}\s])+)*$/u;

/**
 * Reads an email address.
 *
 * @returns it in the one form in which it is stored: the domain in ASCII and in lower case (UTS 46), what stands before
 *   the @ in NFC, without quotes that it does not need, and its letters beyond ASCII in lower case; or what is wrong
 */
export function readEmail(text: string): Reading {
  const problem = { problem: 'must be an email address' };
  const at = text.lastIndexOf('@');
  if (at < 1 || !text.isWellFormed()) return problem;
  const local = text.slice(0, at);
  const domain = text.slice(at + 1);
  if (INVISIBLE.test(local) || INVISIBLE.test(domain.replace(JOINERS, '')) || domain.startsWith('*')) return problem;
  const read = readEmailDomain(domain);
  if ('problem' in read) return problem;
  const email = `${unquoted(foldBeyondAscii(local))}@${read.value}`;
  return email.length <= LONGEST_EMAIL && isEmail(email) ? { value: email } : problem;
}

/** @returns the form in which an email is stored; a text that is none as it is */
export function storedEmail(text: string): string {
  const read = readEmail(text);
  return 'value' in read ? read.value : text;
}

/** @returns an email for digests: all spellings that are one account's are equal here */
export function foldEmail(email: string): string {
  return foldCase(storedEmail(email).normalize('NFC')).replaceAll('ς', 'σ').replaceAll('İ', 'i');
}

/**
 * @returns the spellings under which a row may have an email: the stored form, and those that releases stored which knew
 *   no such form
 */
export function spellingsOf(email: string): string[] {
  const stored = foldEmail(email);
  const at = stored.lastIndexOf('@');
  if (at < 0) return [stored];
  const asked = foldCase(email);
  const readable = `${stored.slice(0, at)}@${domainToUnicode(stored.slice(at + 1))}`;
  const spellings = [
    stored,
    foldCase(storedEmail(email)),
    asked,
    ...[withFinalSigmas(stored), quoted(stored)].filter((text) => text !== stored),
    ...[readable, asked].flatMap((text) => [text.normalize('NFC'), text.normalize('NFD')]),
  ];
  return [...new Set(spellings)];
}

/** A condition of SQL: the column has one of these spellings, which are a parameter of the type text[]. */
export const isSpelt = (column: string, spellings: string) =>
  `lower(${column}) = ANY (ARRAY(SELECT lower(spelling) FROM unnest(${spellings}::text[]) AS spelling))`;

/**
 * The order of SQL for accounts that releases without a stored form let have one email: the one with the very spelling
 * that was asked for, then the one that has proved it, then the one that signed in last.
 *
 * @param account the name of the table
 * @param asked the email as it was asked for, a parameter
 */
export const nearestFirst = (account: string, asked: string) => `
  (lower(${account}.email) = lower(${asked}::text)) DESC, (${account}.email_verified_at IS NOT NULL) DESC,
  CASE WHEN count(*) OVER () > 1 THEN
    (SELECT max(s.created_at) FROM sessions s WHERE s.account_id = ${account}.id) END DESC NULLS LAST,
  ${account}.created_at, ${account}.id`;

/** Without the quotes of RFC 5322 section 3.2.4 where they change nothing; otherwise with as few escapes as possible. */
function unquoted(local: string): string {
  const [, inner] = /^"(.*)"$/s.exec(local) ?? [];
  if (inner === undefined) return local;
  const content = inner.replace(/\\(.)/gs, '$1');
  return DOT_ATOM.test(content) ? content : `"${content.replace(/["\\]/g, '\\$&')}"`;
}

/** As releases without a stored form took it too: in quotes that change nothing. */
function quoted(email: string): string {
  const at = email.lastIndexOf('@');
  return email.startsWith('"') ? email : `"${email.slice(0, at)}"${email.slice(at)}`;
}

/** In NFC, with letters in lower case that no locale of PostgreSQL need know. */
function foldBeyondAscii(local: string): string {
  return local
    .normalize('NFC')
    .replace(/\P{ASCII}+/gu, foldCase)
    .normalize('NFC');
}

/**
 * As PostgreSQL's `lower` does it, each character alone, but that İ stays, which would become two: mail goes to the one that
 * was written, and {@link foldEmail} makes it an i.
 */
function foldCase(text: string): string {
  return Array.from(text, (character) => (character === 'İ' ? character : character.toLowerCase())).join('');
}

/** With the σ that stands at the end of a word. */
function withFinalSigmas(text: string): string {
  return text.replace(/σ(?![\p{L}\p{M}])/gu, 'ς');
}
