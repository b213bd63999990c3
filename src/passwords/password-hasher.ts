import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { Inject, Injectable } from '@nestjs/common';
import bcrypt from 'bcrypt';
import pLimit from 'p-limit';
import { CONFIG, type Config } from '../config/config.js';
import { invalidParams, unavailable } from '../errors/api-error.js';
import { atMostBytes, countCharacters } from '../http/validation.js';

/** bcrypt ignores what follows; Latchkey refuses longer passwords instead of truncating them. */
export const PASSWORD_MAX_BYTES = 72;

/** How many passwords may wait for each slot: a few seconds at cost 12. */
const WAITING_PER_SLOT = 16;

/**
 * bcrypt, off the event loop. It runs in libuv's thread pool, of which it leaves two threads to everything else
 * (reconnecting to PostgreSQL needs them), with a short queue.
 */
@Injectable()
export class PasswordHasher {
  private readonly limit: ReturnType<typeof pLimit>;
  private readonly mostWaiting: number;

  constructor(@Inject(CONFIG) private readonly config: Config) {
    const slots = Math.max(1, Math.min(availableParallelism(), config.threadPoolSize - 2));
    this.limit = pLimit(slots);
    this.mostWaiting = slots * WAITING_PER_SLOT;
  }

  /**
   * @returns the bcrypt hash of a new password
   * @throws ApiError `invalid_params` when it is too short or too long, `unavailable` when too many are waiting
   */
  hash(password: string): Promise<string> {
    const { passwordMinLength, bcryptCost } = this.config;
    if (countCharacters(password) < passwordMinLength) {
      throw invalidParams({ password: [`must be at least ${passwordMinLength} characters`] });
    }
    if (Buffer.byteLength(password) > PASSWORD_MAX_BYTES) {
      throw invalidParams({ password: [atMostBytes(PASSWORD_MAX_BYTES)] });
    }
    return this.queued(() => bcrypt.hash(password, bcryptCost));
  }

  /**
   * Takes as long as a comparison at the configured cost, whatever the outcome, unless the password matches a cheaper
   * hash or the hash has a higher cost.
   *
   * @param password one that is too long for bcrypt matches nothing
   * @param stored null: compares with a decoy, which never matches
   * @throws ApiError `unavailable` when too many are waiting
   */
  matches(password: string, stored: string | null): Promise<boolean> {
    const hash = Buffer.byteLength(password) > PASSWORD_MAX_BYTES ? null : stored;
    return this.queued(async () => {
      if (hash !== null && (await bcrypt.compare(password, hash))) return true;
      const today = this.config.bcryptCost;
      // Each step of cost doubles the time: one hash at cost c and decoys at c, c + 1, … today - 1 add up to one at
      // today.
      for (let cost = hash === null ? today : bcrypt.getRounds(hash); cost < today; cost += 1) {
        await bcrypt.compare(password, decoyHash(cost));
      }
      if (hash === null) await bcrypt.compare(password, decoyHash(today));
      return false;
    });
  }

  /** Whether the cost of a hash differs from the configured one. */
  isOutdated(hash: string): boolean {
    return bcrypt.getRounds(hash) !== this.config.bcryptCost;
  }

  private queued<T>(work: () => Promise<T>): Promise<T> {
    if (this.limit.pendingCount >= this.mostWaiting) {
      throw unavailable('Too many sign-ins are in progress. Try again later.', 2);
    }
    return this.limit(work);
  }
}

/** A well-formed hash that matches no password: random salt, random digest. */
function decoyHash(cost: number): string {
  const alphabet = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  const random = [...randomBytes(53)].map((byte) => alphabet.charAt(byte % 64)).join('');
  // The last character of the salt carries two bits only.
  return `$2b$${String(cost).padStart(2, '0')}$${random.slice(0, 21)}e${random.slice(22)}`;
}
