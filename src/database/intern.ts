/** How many texts are shared. */
const MOST = 10_000;

const shared = new Map<string, string>();

/**
 * @param text of a row: each row that is read brings its own copy
 * @returns the one copy of a text that many rows have, such as the name of a kind; for what is kept of many rows
 */
export function intern<Text extends string>(text: Text): Text {
  const known = shared.get(text);
  if (known !== undefined) return known as Text;
  if (shared.size >= MOST) shared.clear();
  shared.set(text, text);
  return text;
}

/** Like {@link intern}, for what may be absent. */
export const internIfAny = <Text extends string>(text: Text | null): Text | null =>
  text === null ? null : intern(text);
