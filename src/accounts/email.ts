/**
 * Folds the case of an email for digests: what PostgreSQL's `lower` makes equal is equal here too, so that no spelling
 * of an email has limits of its own. Unlike `toLowerCase` of a whole string, it maps each character alone and to one
 * other: `İ` to `i`, and `Σ` to `σ` at the end of a word too.
 */
export function foldEmail(email: string): string {
  const folded = Array.from(email, (character) => String.fromCodePoint(character.toLowerCase().codePointAt(0) ?? 0));
  return folded.join('');
}
