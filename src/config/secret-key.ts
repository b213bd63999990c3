/** A random key of digits alone has more. */
const FEWEST_SYMBOLS = 6;
/** Of the neighbours in a random key of digits, a third are the same or follow each other. */
const MOST_IN_ORDER = 0.75;

/**
 * Whether somebody has filled a key up instead of drawing it: one character again and again, a word repeated, a row of the
 * alphabet. It cannot tell more, as it does not know where the key comes from.
 */
export function isPattern(key: string): boolean {
  return new Set(key).size < FEWEST_SYMBOLS || repeatsItself(key) || isInOrder(key);
}

/** Whether it is one text, at most half as long, again and again; the last time it may break off. */
function repeatsItself(key: string): boolean {
  for (let period = 1; period <= key.length / 2; period += 1) {
    if (key.startsWith(key.slice(period))) return true;
  }
  return false;
}

function isInOrder(key: string): boolean {
  let inOrder = 0;
  for (let index = 1; index < key.length; index += 1) {
    if (Math.abs(key.charCodeAt(index) - key.charCodeAt(index - 1)) <= 1) inOrder += 1;
  }
  return inOrder > (key.length - 1) * MOST_IN_ORDER;
}
