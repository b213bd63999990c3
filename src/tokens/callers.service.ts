import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { AppPrincipal, ClientPrincipal, SessionPrincipal, UserPrincipal } from '../access/principal.js';
import { badAccessToken, badClient, revokedMeanwhile, sessionEnded } from '../access/refusals.js';
import { sql } from '../database/sql.js';
import type { TokenName } from './tokens.store.js';
import { isGoodClient } from './good-client.js';
import { IS_GOOD_TOKEN, TOKEN_WITH_OWNERS } from './good-token.js';

/** An account that has to be enabled, and at this epoch. */
export interface AtEpoch {
  accountId: string;
  credentialEpoch: number;
}

/** What an act of a user locks besides. */
export interface Target<T> {
  /** Accounts that have to be enabled and at these epochs, as the caller's own. */
  accounts?: AtEpoch[];
  /** Locks what is acted on: after the accounts, and before the tokens. */
  lock?: () => Promise<T>;
  /** A token that is about to be changed or deleted. */
  token?: TokenName;
}

/**
 * Whoever acts with a credential is held until their transaction ends, so that nothing which is done with it outlives its
 * revocation. Locks are taken in one order: accounts, then clients, then tokens and sessions, each in the order of ids.
 */
@Injectable()
export class Callers {
  /**
   * Locks accounts against a change of their credentials.
   *
   * @returns whether each of them is enabled and still at its epoch
   */
  async holdAccounts(tx: EntityManager, accounts: AtEpoch[]): Promise<boolean> {
    const epochs = new Map(accounts.map(({ accountId, credentialEpoch }) => [accountId, credentialEpoch]));
    const rows = await sql(
      tx,
      `SELECT a.id FROM accounts a JOIN unnest($1::uuid[], $2::int[]) AS w (id, epoch) ON w.id = a.id
       WHERE a.credential_epoch = w.epoch AND a.disabled_at IS NULL ORDER BY a.id FOR SHARE OF a`,
      [[...epochs.keys()], [...epochs.values()]],
    );
    return rows.length === epochs.size && accounts.every((one) => epochs.get(one.accountId) === one.credentialEpoch);
  }

  /**
   * Holds a user: the accounts behind their token at the epochs that it was checked at, and the token itself.
   *
   * @returns what the target's lock gave
   * @throws ApiError `unauthorized` when one of these has been revoked meanwhile
   */
  async holdUser<T = undefined>(tx: EntityManager, caller: UserPrincipal, target: Target<T> = {}): Promise<T> {
    if (!(await this.holdAccounts(tx, [...epochsOf(caller), ...(target.accounts ?? [])]))) throw revokedMeanwhile();
    const locked = (await target.lock?.()) as T;
    if (!(await this.holdTokens(tx, caller, target.token))) throw revokedMeanwhile();
    return locked;
  }

  /** @returns whether an application has not ended. Nothing is held of it, as many act through it at once. */
  async isGoodApp(tx: EntityManager, { tokenId }: AppPrincipal): Promise<boolean> {
    return this.isGoodToken(tx, tokenId);
  }

  /**
   * Holds nothing of a client, as many of its requests act at once: to be called when there is nothing left to wait for.
   *
   * @throws ApiError `unauthorized` when it has ended, or what it showed
   */
  async checkClient(tx: EntityManager, { clientId, tokenId, secretId }: ClientPrincipal): Promise<void> {
    if (tokenId !== undefined) {
      if (!(await this.isGoodToken(tx, tokenId))) throw badAccessToken();
      return;
    }
    const rows = await sql(
      tx,
      `SELECT c.id FROM oauth_clients c JOIN oauth_client_secrets s ON s.client_id = c.id
       WHERE c.id = $1 AND s.id = $2 AND ${isGoodClient('c')}`,
      [clientId, secretId ?? null],
    );
    if (rows.length === 0) throw badClient();
  }

  /**
   * Holds whoever is signed in: the account, which no other act of a session of it changes meanwhile, and the session.
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
            `SELECT id FROM sessions WHERE id = $1 AND revoked_at IS NULL AND expires_at > clock_timestamp() FOR SHARE`,
            [sessionId],
          );
    if (sessions.length === 0) throw sessionEnded();
  }

  private async isGoodToken(tx: EntityManager, id: string): Promise<boolean> {
    const rows = await sql(tx, `SELECT t.id FROM ${TOKEN_WITH_OWNERS} WHERE t.id = $1 AND ${IS_GOOD_TOKEN}`, [id]);
    return rows.length > 0;
  }

  /** The App-Token is only looked at: all users of an application share it. */
  private async holdTokens(tx: EntityManager, caller: UserPrincipal, target?: TokenName): Promise<boolean> {
    const rows = await sql<{ id: string }>(
      tx,
      `SELECT u.id FROM tokens u
       WHERE (u.id = $1 AND u.revoked_at IS NULL AND (u.expires_at IS NULL OR u.expires_at > clock_timestamp())
           ${target ? `OR u.${target.by} = $3 AND u.id <> $1` : ''})
         AND EXISTS (SELECT FROM ${TOKEN_WITH_OWNERS} WHERE t.id = $2 AND ${IS_GOOD_TOKEN})
       ORDER BY u.id ${target ? 'FOR UPDATE' : 'FOR SHARE'} OF u`,
      [caller.userTokenId, caller.appTokenId, ...(target ? [target.value] : [])],
    );
    return rows.some(({ id }) => id === caller.userTokenId);
  }
}

/** The accounts behind a user token, each at the epoch that the token was checked at. */
function epochsOf({ accountId, credentialEpoch, actorId, actorEpoch }: UserPrincipal): AtEpoch[] {
  const actor = actorId === null ? [] : [{ accountId: actorId, credentialEpoch: actorEpoch ?? -1 }];
  return [{ accountId, credentialEpoch }, ...actor];
}
