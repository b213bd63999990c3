/** In-flight requests get this long to finish once the server takes no more connections, in milliseconds. */
export const DRAIN_LIMIT = 5_000;
/** Of this time idle connections are kept so long, for a request that may be on its way, in milliseconds. */
const IDLE_GRACE = 1_000;

/**
 * For how long idle connections are kept, in milliseconds.
 *
 * @param delay after which the server stops, in seconds; 0: nobody has to notice
 */
export const graceAfter = (delay: number) => (delay > 0 ? IDLE_GRACE : 0);
