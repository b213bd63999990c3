import { isLineageGood } from './lineage.js';

/** The SQL condition that the account with this alias is an enabled admin, as the owner of a client has to be. */
export const isEnabledAdmin = (account: string) => `${account}.role = 'admin' AND ${account}.disabled_at IS NULL`;

/**
 * The SQL condition that a client is good: its owner is an enabled admin, and what it was made with is good. Sub-queries, as
 * a row lock on the client makes PostgreSQL re-evaluate them, which it would not do with a joined account.
 *
 * @param client the alias of `oauth_clients`
 */
export const isGoodClient = (client: string) => `
  (${client}.account_id IS NULL OR EXISTS (
    SELECT FROM accounts o WHERE o.id = ${client}.account_id AND ${isEnabledAdmin('o')}))
  AND ${isLineageGood(`${client}.made_with`)}`;
