/** How many characters a password may have, after {@link normalisePassword}. */
export const LONGEST_PASSWORD = 256;

/** How many it may have as typed. NFC makes one character out of four at most, so that nothing longer can be short enough. */
export const LONGEST_TYPED_PASSWORD = 4 * LONGEST_PASSWORD;

/**
 * The one form of a password in which it is hashed, by the rules of OpaqueString (RFC 8265 section 4.2.2): every space is
 * U+0020, and characters are composed (NFC). So `café` is one password, whichever keyboard it is typed on.
 */
export function normalisePassword(typed: string): string {
  return typed.replace(/\p{Zs}/gu, ' ').normalize('NFC');
}

/** How many characters it has: code points, as PostgreSQL and NIST SP 800-63B-4 count. */
export function passwordLength(typed: string): number {
  return Array.from(normalisePassword(typed)).length;
}

/** Whether a password has at most {@link LONGEST_PASSWORD} characters. */
export function isShortEnough(typed: string): boolean {
  // A character takes at most two UTF-16 code units, so that far too long strings need not be normalised.
  return typed.length <= 2 * LONGEST_TYPED_PASSWORD && passwordLength(typed) <= LONGEST_PASSWORD;
}

/**
 * Of OpaqueString's other rules only the one on control characters is kept: the ones on joiners and variation selectors would
 * refuse emoji, and the one on unassigned characters would depend on the release of Unicode.
 *
 * @param least how many characters it must have
 * @returns what is wrong with a password that somebody has chosen; undefined: nothing
 */
export function problemOfPassword(typed: string, least: number): string | undefined {
  if (!isShortEnough(typed)) return `must be at most ${LONGEST_PASSWORD} characters`;
  if (passwordLength(typed) < least) return `must be at least ${least} characters`;
  // Halves of surrogate pairs are no characters, and would all be hashed as the same one.
  if (/[\p{Cc}\p{Cs}]/u.test(typed)) return 'must not contain control characters, such as tabs and line breaks';
  return undefined;
}
