import { Inject, Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import type { AdminPrincipal, OperatorPrincipal, SessionPrincipal } from '../access/principal.js';
import { AccountStore } from '../accounts/accounts.store.js';
import { CONFIG, type Config } from '../config/config.js';
import { sql } from '../database/sql.js';
import { ApiError, invalidParams } from '../errors/api-error.js';
import { passwordExpired } from '../errors/common-errors.js';
import { currentRequest } from '../http/current-request.js';
import { PasswordChecks } from '../passwords/password-checks.service.js';
import type { SignInOrigin } from '../passwords/sign-in-places.js';

/** Whose password was entered, and when, depends on the credential. */
type Caller = SessionPrincipal | AdminPrincipal;
type WithCredential = Exclude<Caller, OperatorPrincipal>;

/**
 * @param seconds REAUTHENTICATE_AFTER
 * @param instead what else the caller can do
 */
export const passwordNeeded = (seconds: number, instead = '') => {
  const how = `Send current_password, or sign in again.${instead}`;
  const since = `you entered your password more than ${seconds} seconds ago`;
  return new ApiError('forbidden', `Enter your password again: ${since}. ${how}`, {
    fields: { current_password: [`is required, as ${since}. ${how}`] },
  });
};
export const currentPasswordNeeded = () => {
  const message = 'Send current_password: a change of email and password always needs it.';
  return new ApiError('forbidden', message, { fields: { current_password: [`is required. ${message}`] } });
};
export const wrongPassword = () => invalidParams({ current_password: ['is incorrect'] });
export const notOnBehalf = () => {
  const message = 'This cannot be done on behalf of another account. Use a token of your own.';
  return new ApiError('forbidden', message, { fields: { token: [message] } });
};

/** How routes fail that ask for the password again, where nobody acts on behalf of another. */
export const REAUTHENTICATION_ERRORS = [passwordNeeded(900), wrongPassword(), passwordExpired()] as const;

/** Asks for the password again before what a thief of a credential must not do (REAUTHENTICATE_AFTER). */
@Injectable()
export class Reauthentication {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly manager: EntityManager,
    private readonly accounts: AccountStore,
    private readonly passwordChecks: PasswordChecks,
  ) {}

  /**
   * The command line has no password. A session is as recent as the sign-in that opened it or, if a change of credentials opened it, as the one before; a user
   * token is as recent as its login. A refresh, or a longer expiration, does not renew them.
   *
   * @param currentPassword checked if it is given, with the limits of sign-ins
   * @param instead what else the caller can do, for the refusal
   * @returns whether the password was checked now
   * @throws ApiError `forbidden` when the credential is too old, or acts on behalf of somebody; `invalid_params` for a wrong
   *   password; `password_expired`, `rate_limited`, `unavailable`
   */
  async require(caller: Caller, currentPassword: string | undefined, instead?: string): Promise<boolean> {
    if ('isOperator' in caller) return false;
    const { reauthenticateAfter: seconds } = this.config;
    const isActing = 'actorId' in caller && caller.actorId !== null;
    if (seconds > 0 && isActing) throw notOnBehalf();
    if (currentPassword !== undefined && !isActing) {
      await this.check(caller, currentPassword);
      return true;
    }
    if (seconds > 0 && !(await this.isRecent(caller, seconds))) throw passwordNeeded(seconds, instead);
    return false;
  }

  /**
   * Like {@link require}, for a change of the own email or password, for which REQUIRE_CURRENT_PASSWORD may always want it.
   *
   * @throws ApiError as {@link require}
   */
  async requireForChange(caller: Caller, currentPassword: string | undefined): Promise<boolean> {
    if (this.config.requireCurrentPassword && !('isOperator' in caller)) {
      if ('actorId' in caller && caller.actorId !== null) throw notOnBehalf();
      if (currentPassword === undefined) throw currentPasswordNeeded();
    }
    return this.require(caller, currentPassword);
  }

  /** Like {@link require}, when there is something of it to require. */
  async requireIf(condition: boolean, caller: Caller, currentPassword: string | undefined): Promise<void> {
    if (condition) await this.require(caller, currentPassword);
  }

  private async isRecent(caller: WithCredential, seconds: number): Promise<boolean> {
    const [statement, id] =
      'sessionId' in caller
        ? ['SELECT FROM sessions WHERE id = $1 AND password_checked_at', caller.sessionId]
        : ['SELECT FROM tokens WHERE id = $1 AND created_at', caller.userTokenId];
    const rows = await sql(this.manager, `${statement} > now() - $2 * interval '1 second'`, [id, seconds]);
    return rows.length > 0;
  }

  private async check(caller: WithCredential, password: string): Promise<void> {
    const email = (await this.accounts.findEnabled(caller.accountId))?.email ?? null;
    if (email === null) throw wrongPassword();
    const found = await this.passwordChecks.check(email, password, originOf(caller)).catch(reword);
    if (found.id !== caller.accountId) throw wrongPassword();
  }
}

function originOf(caller: WithCredential): SignInOrigin {
  const address = currentRequest()?.ip ?? '';
  if ('sessionId' in caller) return { address };
  return { address, application: { id: caller.appTokenId, clientAddress: caller.clientAddress } };
}

/** Not 401, with which clients would take the session for ended. */
function reword(error: unknown): never {
  throw error instanceof ApiError && error.code === 'unauthorized' ? wrongPassword() : error;
}
