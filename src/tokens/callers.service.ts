import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { ClientScope } from '../access/client-scopes.js';
import type {
  AdminPrincipal,
  AppPrincipal,
  ClientPrincipal,
  SessionPrincipal,
  UserPrincipal,
} from '../access/principal.js';
import { badAccessToken, badClient, insufficientScope, revokedMeanwhile, sessionEnded } from '../access/refusals.js';
import { sql } from '../database/sql.js';
import type { Owner, TokenName } from './token-records.js';
import { isGoodClient } from './good-client.js';
import { isLineageGood } from './lineage.js';
import { IS_GOOD_APP_TOKEN, IS_LIVE_TOKEN, LINEAGE_CHECK, SCOPES_LEFT, TOKEN_WITH_OWNERS } from './good-token.js';

/** Locks the accounts of two parameters, their ids and the epochs at which they have to be, which are enabled. */
export const holdingAccounts = (ids: string, epochs: string) => `
  SELECT a.id FROM accounts a JOIN unnest(${ids}::uuid[], ${epochs}::int[]) AS w (id, epoch) ON w.id = a.id
  WHERE a.credential_epoch = w.epoch AND a.disabled_at IS NULL ORDER BY a.id FOR SHARE OF a`;

/**
 * Finds the tokens `held` of a parameter, their ids.
 *
 * @param lock for instance `FOR SHARE OF u`
 * @param condition another one
 */
export const holdingTokens = (ids: string, lock: string, condition = 'true') => `
  SELECT u.id FROM tokens u
  WHERE u.id = ANY (${ids}::uuid[]) AND ${condition} ORDER BY u.id ${lock}`;

/** Those of {@link holdingTokens} that are good when all of them are locked, by a function that sees what was committed while they were waited for. */
export const GOOD_HELD = `
  SELECT held.id FROM held WHERE CASE WHEN (SELECT count(*) FROM held) > 0 THEN is_good_token(held.id) END`;

/** An account that has to be enabled and at this epoch. */
export interface AtEpoch {
  accountId: string;
  credentialEpoch: number;
}

/** What a user's act locks besides the caller. */
export interface Target<T> {
  /** Other accounts that have to be enabled and at these epochs. */
  accounts?: AtEpoch[];
  /** Locks what is acted on, after the accounts and before the tokens. */
  lock?: () => Promise<T>;
  /** A token that will be changed or deleted, and its owner. */
  token?: { name: TokenName; owner: Owner };
}

/**
 * Locks the credential of a request until the transaction ends, so that no act outlives the revocation of its
 * credential. Locks are taken in one order: accounts, then clients, then tokens and sessions, each by id.
 */
@Injectable()
export class Callers {
  /**
   * Locks accounts against a change of their credentials.
   *
   * @returns whether each of them is enabled and still at its epoch
   */
  async holdAccounts(tx: EntityManager, accounts: AtEpoch[]): Promise<boolean> {
    const epochs = epochsOf(accounts);
    if (!epochs) return false;
    const rows = await sql(tx, holdingAccounts('$1', '$2'), [[...epochs.keys()], [...epochs.values()]]);
    return rows.length === epochs.size;
  }

  /**
   * Locks a user: the accounts behind their token, at the epochs at which it was checked, and the tokens themselves.
   * For a change of a token, that token is locked instead and the caller's tokens are only checked, so that two users
   * who delete each other's token do not deadlock. The command line has no credential.
   * @returns the result of `target.lock`
   * @throws ApiError `unauthorized` when one of these has been revoked or has expired meanwhile
   */
  async holdUser<T = undefined>(tx: EntityManager, caller: AdminPrincipal, target: Target<T> = {}): Promise<T> {
    if (!(await this.holdAccounts(tx, [...accountsOf(caller), ...(target.accounts ?? [])]))) throw revokedMeanwhile();
    const locked = (await target.lock?.()) as T;
    if (target.token) await this.lockToken(tx, target.token);
    if (!('isOperator' in caller)) await this.holdTokens(tx, caller, target.token ? '' : 'FOR SHARE OF u');
    return locked;
  }

  /** @returns whether an App-Token is good. It is not locked, as many requests use it at once. */
  async isGoodApp(tx: EntityManager, { tokenId }: AppPrincipal): Promise<boolean> {
    const rows = await sql(tx, `SELECT t.id FROM ${TOKEN_WITH_OWNERS} WHERE t.id = $1 AND ${IS_GOOD_APP_TOKEN}`, [
      tokenId,
    ]);
    return rows.length > 0;
  }

  /**
   * Checks a client without locking it, as many of its requests act at once. To be called when the transaction has
   * taken all its locks.
   *
   * @throws ApiError `unauthorized` when the client or its credential is no longer good, `forbidden` when it has lost
   *   the scope
   */
  async checkClient(tx: EntityManager, client: ClientPrincipal, scope: ClientScope): Promise<void> {
    const scopes = await this.scopesOf(tx, client);
    if (!scopes) throw client.tokenId === undefined ? badClient() : badAccessToken();
    if (!scopes.includes(scope)) throw insufficientScope(scope, client.tokenId !== undefined);
  }

  /** @returns the scopes of a client's credential; undefined when it is no longer good */
  private async scopesOf(tx: EntityManager, shown: ClientPrincipal): Promise<string[] | undefined> {
    const [row] =
      shown.tokenId === undefined
        ? await sql<{ scopes: string[]; isLineageGood: boolean }>(
            tx,
            `SELECT c.scopes, true AS "isLineageGood" FROM oauth_clients c JOIN oauth_client_secrets s ON s.client_id = c.id
             WHERE c.id = $1 AND s.id = $2 AND ${isGoodClient('c')} AND ${isLineageGood('s.made_with')}`,
            [shown.clientId, shown.secretId ?? null],
          )
        : await sql<{ scopes: string[]; isLineageGood: boolean }>(
            tx,
            `SELECT ${SCOPES_LEFT} AS scopes, ${LINEAGE_CHECK} FROM ${TOKEN_WITH_OWNERS} WHERE t.id = $1 AND ${IS_LIVE_TOKEN}`,
            [shown.tokenId],
          );
    return row?.isLineageGood ? row.scopes : undefined;
  }

  /**
   * Locks a session, and its account, so that acts of several sessions of one account take turns.
   *
   * @throws ApiError `unauthorized` when one of these has been revoked meanwhile
   */
  async holdSession(tx: EntityManager, { accountId, sessionId, credentialEpoch }: SessionPrincipal): Promise<void> {
    const accounts = await sql(
      tx,
      `SELECT id FROM accounts WHERE id = $1 AND credential_epoch = $2 AND disabled_at IS NULL FOR NO KEY UPDATE`,
      [accountId, credentialEpoch],
    );
    const sessions =
      accounts.length === 0
        ? []
        : await sql(
            tx,
            // Checked again after the lock: PostgreSQL does not re-evaluate a row that was only locked meanwhile.
            `WITH s AS (SELECT revoked_at, expires_at FROM sessions WHERE id = $1 FOR SHARE)
             SELECT FROM s WHERE revoked_at IS NULL AND expires_at > clock_timestamp()`,
            [sessionId],
          );
    if (sessions.length === 0) throw sessionEnded();
  }

  private async lockToken(tx: EntityManager, { name, owner }: { name: TokenName; owner: Owner }): Promise<void> {
    await sql(
      tx,
      `SELECT u.id FROM tokens u WHERE u.${name.by} = $1 AND u.kind = $2 AND ($3::uuid IS NULL OR u.account_id = $3)
       FOR UPDATE`,
      [name.value, name.kind, owner],
    );
  }

  /** @throws ApiError `unauthorized`, which names each token that is no longer valid */
  private async holdTokens(tx: EntityManager, { appTokenId, userTokenId }: UserPrincipal, lock: string): Promise<void> {
    const rows = await sql<{ id: string }>(tx, `WITH held AS (${holdingTokens('$1', lock)}) ${GOOD_HELD}`, [
      [appTokenId, userTokenId],
    ]);
    requireGood(
      { appTokenId, userTokenId },
      rows.map(({ id }) => id),
    );
  }
}

/** @throws ApiError `unauthorized`, which names each token that is not among the good ones */
export function requireGood(
  { appTokenId, userTokenId }: Pick<UserPrincipal, 'appTokenId' | 'userTokenId'>,
  good: string[],
) {
  const [app, user] = [!good.includes(appTokenId), !good.includes(userTokenId)];
  if (app || user) throw revokedMeanwhile({ app, user });
}

/** @returns the epochs by account; undefined when two of one account differ, so that one of them is no longer true */
export function epochsOf(accounts: AtEpoch[]): Map<string, number> | undefined {
  const epochs = new Map(accounts.map(({ accountId, credentialEpoch }) => [accountId, credentialEpoch]));
  return accounts.every((one) => epochs.get(one.accountId) === one.credentialEpoch) ? epochs : undefined;
}

/** The accounts behind a user token, at the epochs at which it was checked. */
export function accountsOf(caller: AdminPrincipal): AtEpoch[] {
  if ('isOperator' in caller) return [];
  const { accountId, credentialEpoch, actorId, actorEpoch } = caller;
  const actor = actorId === null ? [] : [{ accountId: actorId, credentialEpoch: actorEpoch ?? -1 }];
  return [{ accountId, credentialEpoch }, ...actor];
}
