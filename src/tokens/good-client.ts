/**
 * The SQL condition that a client is good: the account that answers for it is an enabled admin. A sub-query, as a row
 * lock on the client looks again at what has changed meanwhile, and at a joined account it would not.
 *
 * @param client the alias of `oauth_clients`
 */
export const isGoodClient = (client: string) => `
  (${client}.account_id IS NULL OR EXISTS (
    SELECT FROM accounts o WHERE o.id = ${client}.account_id AND o.role = 'admin' AND o.disabled_at IS NULL))`;
