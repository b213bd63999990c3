import { createHmac } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { foldEmail } from '../emails/email-address.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { CONFIG, type Config } from '../config/config.js';
import { DatabaseClock } from '../database/database-clock.service.js';
import { withDeadline } from '../database/deadline.js';
import { ApiError, tooManyAttempts, unavailable } from '../errors/api-error.js';
import { SecretKeys } from '../keys/secret-keys.js';
import { ReachedLimits } from '../limits/reached-limits.js';
import {
  SignInAttemptStore,
  UNKNOWN,
  type Counted,
  type Outcome,
  type SignInAccount,
} from './sign-in-attempts.store.js';
import { countedPlaces, knownAs, ownPlace, type CountedPlace, type SignInOrigin } from './sign-in-places.js';

/** An attempt to sign in that is under way. */
export interface Attempt extends Counted {
  origin: SignInOrigin;
  isKnown: boolean;
}

/** For how many seconds a process takes for certain that somebody has to wait, which other replicas may lift. */
const CERTAIN_FOR = 1;

/** How long counting an outcome may take, however late it is for the request, in milliseconds. */
const COUNTING = 2_500;

/** Whoever is not known waits until somebody lifts it. Nobody knows when that is: there is no Retry-After. */
const untilLifted = () =>
  new ApiError(
    'rate_limited',
    'Too many failed sign-ins. Sign in from where you have signed in before, or reset your password.',
    { told: { id: 'error.locked' } },
  );

const tooLate = () => unavailable('The sign-in took too long. Try again.', 1);

/**
 * Attempts to sign in: who is admitted, and what is counted of them. Only failures are, in PostgreSQL, so that all replicas
 * agree. An outcome is told only by the statement that counts it, so that parallel attempts reveal no more than sequential
 * ones, and an aborted attempt stores nothing.
 */
@Injectable()
export class SignInAttempts {
  /** Who has to wait, as far as this process knows. */
  private readonly waiting: ReachedLimits;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly manager: EntityManager,
    private readonly store: SignInAttemptStore,
    private readonly audit: AuditLog,
    private readonly secretKeys: SecretKeys,
    clock: DatabaseClock,
  ) {
    this.waiting = new ReachedLimits(() => clock.now() * 1_000);
  }

  /** Saves the statements, where this process knows already that it is too early. @throws ApiError `rate_limited` */
  requireNoWait(email: string, origin: SignInOrigin): void {
    const seconds = this.waiting.secondsLeft(keyOf(this.digestOf(email), origin));
    if (seconds !== undefined) throw refusal(seconds);
  }

  /**
   * @returns the attempt, and the account with the email, disabled or not
   * @throws ApiError `rate_limited` when it is too early
   */
  async begin(email: string, origin: SignInOrigin): Promise<{ attempt: Attempt; account: SignInAccount | undefined }> {
    const digest = this.digestOf(email);
    const places = { known: this.placesOf(origin, true), unknown: this.placesOf(origin, false) };
    const { account, addresses, waits, begun } = await this.store.admit(email, digest, {
      known: places.known.map(({ name }) => name),
      unknown: places.unknown.map(({ name }) => name),
    });
    const own = account ? this.addressDigests(account.id, origin) : [];
    const isKnown = own.some((one) => addresses.some((known) => known.equals(one)));
    const which = isKnown ? 'known' : 'unknown';
    const seconds = waits[which];
    if (seconds !== null) throw this.mustWait(digest, origin, seconds);
    return { attempt: { account: digest, origin, isKnown, begun, places: places[which] }, account };
  }

  /**
   * Counts an attempt with a wrong password.
   *
   * @param accountId that of the email; null: it has none
   * @throws ApiError `rate_limited`, `unavailable` when nobody may learn of it
   */
  async fail(attempt: Attempt, accountId: string | null): Promise<void> {
    const outcome = await withDeadline(COUNTING, () =>
      this.manager.transaction(async (tx) => {
        const counted = await this.store.fail(tx, attempt, this.config.loginFailureWindow);
        if (accountId !== null) {
          for (const place of counted.locked) await this.audit.record(tx, lockOf(place, accountId));
        }
        return counted;
      }),
    );
    this.requireTold(attempt, outcome);
    // Nobody's: anybody can make these, without end.
    if (accountId === null) for (const place of outcome.locked) await this.audit.recordAlone(lockOf(place));
  }

  /**
   * Makes good what failed before at the same place, if the account is signed in.
   *
   * @param accountId null: the password is right, but the account is not signed in
   * @throws as {@link fail}
   */
  async succeed(attempt: Attempt, accountId: string | null): Promise<void> {
    const { account, origin } = attempt;
    const [digest] = accountId === null ? [] : this.addressDigests(accountId, origin);
    const signedIn = accountId !== null && digest ? { accountId, digest, madeGood: madeGoodAt(origin) } : undefined;
    const outcome = await withDeadline(COUNTING, () => this.store.succeed(attempt, signedIn));
    this.requireTold(attempt, outcome);
    this.waiting.remove([keyOf(account, origin)]);
  }

  /** Forgets all failures of an email. @returns whether somebody had to wait because of them */
  async forgive(email: string, manager = this.manager): Promise<boolean> {
    const account = this.digestOf(email);
    const hadToWait = await this.store.forgive(manager, account);
    this.waiting.removeAll((key) => key.startsWith(`${account} `));
    return hadToWait;
  }

  /** Whoever has proved to hold the account is known from now on, and nobody else is. */
  async knowOnly(accountId: string, origin: SignInOrigin, manager = this.manager): Promise<void> {
    const [digest] = this.addressDigests(accountId, origin);
    if (digest) await this.store.knowOnly(manager, accountId, digest);
  }

  private placesOf(origin: SignInOrigin, isKnown: boolean): CountedPlace[] {
    const { loginMaxFailures, loginMaxUnknownFailures: inARow } = this.config;
    const places = countedPlaces(origin, isKnown, loginMaxFailures);
    return isKnown || inARow === 0 ? places : [...places, { name: UNKNOWN, most: inARow }];
  }

  /** @throws ApiError */
  private requireTold({ account, origin }: Attempt, { isTold, seconds }: Outcome): void {
    if (isTold) return;
    throw seconds === null ? tooLate() : this.mustWait(account, origin, seconds);
  }

  private mustWait(account: string, origin: SignInOrigin, seconds: number): ApiError {
    this.waiting.add(keyOf(account, origin), seconds, CERTAIN_FOR);
    return refusal(seconds);
  }

  private digestOf(email: string): string {
    const { key } = this.secretKeys.current('attempt-limit');
    return createHmac('sha256', key).update(foldEmail(email)).digest('base64url');
  }

  /** By the current SECRET_KEY first, then by those that it has replaced. */
  private addressDigests(accountId: string, origin: SignInOrigin): Buffer[] {
    const text = `${accountId} ${knownAs(origin)}`;
    return this.secretKeys.all('known-address').map(({ key }) => createHmac('sha256', key).update(text).digest());
  }
}

const refusal = (seconds: number) => (seconds === Infinity ? untilLifted() : tooManyAttempts(seconds));

const madeGoodAt = (origin: SignInOrigin) => [UNKNOWN, ownPlace(origin)].filter((place) => place !== undefined);

const keyOf = (account: string, origin: SignInOrigin) => `${account} ${origin.address} ${knownAs(origin)}`;

/** The event of a lock, which is noted once, when it begins. */
const lockOf = (place: string, accountId?: string) => ({
  kind: 'sign_in.locked' as const,
  outcome: 'refused' as const,
  ...(accountId !== undefined && { subject: accountId }),
  details: { place: /^application \S+ (\w+)/.exec(place)?.[1] ?? place.split(' ', 1)[0] },
});
