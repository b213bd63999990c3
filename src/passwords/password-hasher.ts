import { Inject, Injectable, Optional, type OnApplicationShutdown } from '@nestjs/common';
import { CONFIG, type Config } from '../config/config.js';
import { problemOfPassword } from '../config/password-text.js';
import { extendDeadline } from '../database/deadline.js';
import { invalidParams } from '../errors/api-error.js';
import { currentClientAddress } from '../http/current-request.js';
import { addressForLimits, siteOf } from '../http/client-address.js';
import { Metrics } from '../metrics/metrics.service.js';
import { HashingFigures } from './hashing-figures.js';
import { PasswordBlocklist, type PasswordOwner } from './password-blocklist.service.js';
import { PRIMARY } from '../workers/workers.module.js';
import type { Primary } from '../workers/subjects.js';
import type { MaybePromise } from '../http/maybe-promise.js';
import { traced } from '../tracing/tracing.js';
import { FairQueue, PATIENCE, type Queue, type Place } from './fair-queue.js';
import { SharedQueue } from './shared-queue.js';
import { HashingThreads } from './hashing-threads.js';
import { costOf, markHash, newSalt, spellingOf, triesOf, USUAL, type StoredHash } from './password-hashes.js';

/** How much the newest duration counts beside those before it. */
const NEWEST = 0.2;

/** bcrypt, off the event loop, with a short queue: see {@link FairQueue} and {@link HashingThreads}. */
@Injectable()
export class PasswordHasher implements OnApplicationShutdown {
  private readonly threads = new HashingThreads();
  private readonly queue: Queue;
  private readonly figures: HashingFigures;
  /** How long work of each kind takes, in milliseconds. */
  private readonly durations = new Map<string, Measured>();

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly blocklist: PasswordBlocklist,
    metrics: Metrics,
    @Optional() @Inject(PRIMARY) primary?: Primary,
  ) {
    this.figures = new HashingFigures(metrics, config.hashingThreads);
    this.queue = primary ? new SharedQueue(primary) : new FairQueue(config.hashingThreads, PATIENCE);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.threads.stop();
  }

  /** Whether somebody waits for their turn. */
  isBusy(): MaybePromise<boolean> {
    return this.queue.isBusy();
  }

  /**
   * Saves the work of what comes before hashing.
   *
   * @throws ApiError `unavailable` when whoever is served now would have to wait for too long, even if they are known
   */
  requireRoom(): MaybePromise<void> {
    return this.queue.requireRoom(currentPlace(true));
  }

  /**
   * @param owner whose email and name it must not be (PASSWORD_BLOCKLIST)
   * @returns what to store for a new password
   * @throws ApiError `invalid_params` when it is refused, `unavailable` when too many are waiting
   */
  async hash(password: string, owner: PasswordOwner = {}): Promise<string> {
    const problem =
      problemOfPassword(password, this.config.passwordMinLength) ?? this.blocklist.problemOf(password, owner);
    if (problem !== undefined) throw invalidParams({ password: [problem] });
    return this.hashAgain(password);
  }

  /**
   * @returns what to store for a password that an account has, whatever is asked of new ones
   * @throws ApiError `unavailable` when too many are waiting
   */
  hashAgain(password: string): Promise<string> {
    const work = workOf(this.config.bcryptCost);
    const spelling = spellingOf(password);
    return this.queued({ place: currentPlace(), work, times: 1 }, async () =>
      markHash(await this.timed(work, () => this.threads.hash(spelling.text, newSalt(work.cost))), spelling),
    );
  }

  /**
   * What another service has made of a text, by which that is found. Not for passwords.
   *
   * @throws ApiError `unavailable` when too many are waiting
   */
  withSalt(text: string, salt: string): Promise<string> {
    const work: Work = { scheme: 'bcrypt', kind: salt.slice(0, 7), cost: costOf(salt) ?? this.config.bcryptCost };
    return this.queued({ place: currentPlace(), work, times: 1 }, () =>
      this.timed(work, () => this.threads.hash(text, salt)),
    );
  }

  /**
   * Whether a hash is of a password. Unless it is, as many comparisons are made as the password has spellings, whatever the
   * hash is: how many, and so for how long, tells nothing about the account.
   *
   * @param isKnown whether the account is known where it is signed in to, which comes first in the queue
   * @throws ApiError `unavailable` when too many are waiting
   */
  matches(password: string, hash: StoredHash, isKnown = false): Promise<boolean> {
    const tries = triesOf(password, hash);
    return this.queued({ place: currentPlace(isKnown), work: hash, times: tries.length }, async () => {
      for (const { text, counts } of tries) {
        const isSame = await this.timed(hash, () => this.threads.compare(text, hash));
        if (isSame && counts) return true;
      }
      return false;
    });
  }

  /** Whether a hash that a password has matched is to be replaced: it is no bcrypt of ours, or of another cost. */
  isOutdated({ scheme, cost, isNormalised }: StoredHash): boolean {
    return scheme !== 'bcrypt' || cost !== this.config.bcryptCost || !isNormalised;
  }

  /** The queue has limits of its own: what is waited for and hashed does not count against the request's. */
  private async queued<T>(
    { place, work, times }: { place: Place; work: Work; times: number },
    job: () => Promise<T>,
  ): Promise<T> {
    const asked = performance.now();
    try {
      return await traced(spanOf(work), (span) =>
        this.figures.ofQueued((inTurn) =>
          this.queue.run(place, times * this.expected(work), () =>
            inTurn(async () => {
              await this.threads.ready();
              span?.event('its turn');
              return job();
            }),
          ),
        ),
      );
    } finally {
      extendDeadline(performance.now() - asked);
    }
  }

  private async timed<T>(work: Work, job: () => Promise<T>): Promise<T> {
    const begun = performance.now();
    const result = await job();
    const took = performance.now() - begun;
    this.note(work, took);
    this.figures.took(took / 1_000);
    return result;
  }

  private note({ scheme, kind, cost }: Work, took: number): void {
    const before = this.expected({ scheme, kind, cost });
    this.durations.set(kind, { scheme, cost, takes: before + NEWEST * (took - before) });
  }

  /** @returns how long work is going to take, in milliseconds, by what has been measured of the nearest one of its scheme */
  private expected({ scheme, kind, cost }: Work): number {
    const same = this.durations.get(kind);
    if (same) return same.takes;
    const distance = (other: Measured) => Math.abs(other.cost - cost);
    const known = [...this.durations.values()].filter((other) => other.scheme === scheme);
    const [nearest = { ...USUAL, scheme }] = known.sort((one, other) => distance(one) - distance(other));
    return nearest.takes * 2 ** (cost - nearest.cost);
  }
}

/** Hashing of some kind. */
type Work = Pick<StoredHash, 'scheme' | 'kind' | 'cost'>;

/** Hashing that has been measured. */
interface Measured {
  scheme: StoredHash['scheme'];
  cost: number;
  takes: number;
}

/** From the moment on at which it begins to wait for its turn. */
const spanOf = ({ scheme, cost }: Work) => ({
  name: 'hash password',
  onlyWithin: true,
  attributes: { 'latchkey.hash.scheme': scheme, 'latchkey.hash.cost': cost },
});

const workOf = (cost: number): Work => ({ scheme: 'bcrypt', kind: newSalt(cost).slice(0, 7), cost });

/** Where the request comes from that is being served; what no request asks for is of one place of its own. */
function currentPlace(isKnown = false): Place {
  const address = currentClientAddress();
  if (address === null) return { network: 'own', address: 'own' };
  return { network: siteOf(address), address: addressForLimits(address), isKnown };
}
