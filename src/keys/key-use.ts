/**
 * What a process does with the signing keys.
 *
 * - `serve`: makes the first one, keeps all for as long as its tokens want them, encrypts them anew with the current SECRET_KEY
 * - `read`: changes none of them, not even how they are encrypted, as its settings may be others than those of the servers
 * - `rotate`: adds one
 * - `replace`: ends all, also those that its SECRET_KEY does not decrypt; for every other use those are a reason not to start
 */
export type KeyUse = 'serve' | 'read' | 'rotate' | 'replace';

export const KEY_USE = Symbol('what this process does with the signing keys');
