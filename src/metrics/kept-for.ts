/** How long the database may take for what metrics show of it, and for how long that is shown again, in milliseconds. */
export const DATABASE_LIMIT = 1_000;
export const FRESH_FOR = 5_000;

/**
 * @param time for how long what was read is good, in milliseconds
 * @param read must not reject
 * @returns what reads, at most once in that time, for everybody who asks: anybody may ask for metrics, as often as they like
 */
export function keptFor<T>(time: number, read: () => Promise<T>): () => Promise<T> {
  let kept: Promise<T> | undefined;
  let readAt = -Infinity;
  return () => {
    if (kept && performance.now() - readAt <= time) return kept;
    readAt = performance.now();
    kept = read();
    return kept;
  };
}
