/** In-flight requests get this long to finish once the server takes no more connections, in milliseconds. */
export const DRAIN_LIMIT = 5_000;
/** Of this time idle connections are kept so long, for a request that may be on its way, in milliseconds. */
export const IDLE_GRACE = 1_000;
