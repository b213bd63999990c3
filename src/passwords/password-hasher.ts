import { randomBytes } from 'node:crypto';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import bcrypt from 'bcrypt';
import { CONFIG, type Config } from '../config/config.js';
import { extendDeadline } from '../database/deadline.js';
import { invalidParams } from '../errors/api-error.js';
import { currentOrigin } from '../http/current-request.js';
import { atMostBytes, countCharacters } from '../http/validation.js';
import { addressForLimits, siteOf } from '../http/client-address.js';
import { FairLine, type Place } from './fair-line.js';
import { HashingThreads } from './hashing-threads.js';

/** bcrypt ignores what follows; Latchkey refuses longer passwords instead of truncating them. */
export const PASSWORD_MAX_BYTES = 72;

/** Nobody waits longer for their turn, in milliseconds. */
const PATIENCE = 3_000;

/** What a hash at cost 12 takes on a usual machine, in milliseconds: what is expected of the first one. */
const USUAL = { cost: 12, takes: 250 };
/** How much the newest duration counts beside those before it. */
const NEWEST = 0.2;

/** bcrypt, off the event loop, with a short line of those who wait: see {@link FairLine} and {@link HashingThreads}. */
@Injectable()
export class PasswordHasher implements OnApplicationShutdown {
  private readonly threads = new HashingThreads();
  private readonly line: FairLine;
  /** How long work of each cost takes, in milliseconds. */
  private readonly durations = new Map<number, number>();

  constructor(@Inject(CONFIG) private readonly config: Config) {
    this.line = new FairLine(config.hashingThreads, PATIENCE);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.threads.stop();
  }

  /** Whether somebody waits for their turn. */
  get isBusy(): boolean {
    return this.line.isBusy;
  }

  /**
   * Saves the work of what comes before hashing.
   *
   * @throws ApiError `unavailable` when whoever is served now would have to wait for too long
   */
  requireRoom(): void {
    this.line.requireRoom(currentPlace());
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
    return this.queued(bcryptCost, () => this.threads.hash(password, bcryptCost));
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
    const today = this.config.bcryptCost;
    const storedAt = hash === null ? today : bcrypt.getRounds(hash);
    return this.queued(Math.max(today, storedAt), async () => {
      if (hash !== null && (await this.threads.compare(password, hash))) return true;
      // Each step of cost doubles the time: a hash at cost c and decoys at c, c + 1, … up to today's - 1 add up to one
      // at today's.
      for (let cost = storedAt; cost < today; cost += 1) await this.threads.compare(password, decoyHash(cost));
      if (hash === null) await this.threads.compare(password, decoyHash(today));
      return false;
    });
  }

  /** Whether the cost of a hash differs from the configured one. */
  isOutdated(hash: string): boolean {
    return bcrypt.getRounds(hash) !== this.config.bcryptCost;
  }

  /** The line has limits of its own: what is waited for and hashed does not count against the request's. */
  private async queued<T>(cost: number, work: () => Promise<T>): Promise<T> {
    const asked = performance.now();
    try {
      return await this.inLine(cost, work);
    } finally {
      extendDeadline(performance.now() - asked);
    }
  }

  private inLine<T>(cost: number, work: () => Promise<T>): Promise<T> {
    return this.line.run(currentPlace(), this.expected(cost), async () => {
      await this.threads.ready();
      const begun = performance.now();
      const result = await work();
      this.note(cost, performance.now() - begun);
      return result;
    });
  }

  private note(cost: number, took: number): void {
    const before = this.expected(cost);
    this.durations.set(cost, before + NEWEST * (took - before));
  }

  /** @returns how long work of a cost is going to take, in milliseconds, by what has been measured of the nearest one */
  private expected(cost: number): number {
    const distance = (other: number) => Math.abs(other - cost);
    const known = [...this.durations].map(([other, takes]) => ({ cost: other, takes }));
    const [nearest = USUAL] = known.sort((one, other) => distance(one.cost) - distance(other.cost));
    return nearest.takes * 2 ** (cost - nearest.cost);
  }
}

/** Where the request comes from that is being served; what no request asks for is of one place of its own. */
function currentPlace(): Place {
  const { address } = currentOrigin();
  if (address === null) return { network: 'own', address: 'own' };
  return { network: siteOf(address), address: addressForLimits(address) };
}

/** A well-formed hash that matches no password: random salt, random digest. */
function decoyHash(cost: number): string {
  const alphabet = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  const random = [...randomBytes(53)].map((byte) => alphabet.charAt(byte % 64)).join('');
  // The last character of the salt carries two bits only.
  return `$2b$${String(cost).padStart(2, '0')}$${random.slice(0, 21)}e${random.slice(22)}`;
}
