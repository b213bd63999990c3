/** How long the database may take for what metrics show of it, and for how long that is shown again, in milliseconds. */
export const DATABASE_LIMIT = 1_000;
export const FRESH_FOR = 5_000;

/**
 * @param read must not reject
 * @returns a function that caches the result of `read` for `time` milliseconds, for everybody who asks
 */
export function cachedFor<T>(time: number, read: () => Promise<T>): () => Promise<T> {
  let cached: Promise<T> | undefined;
  let readAt = -Infinity;
  return () => {
    if (cached && performance.now() - readAt <= time) return cached;
    readAt = performance.now();
    cached = read();
    return cached;
  };
}
