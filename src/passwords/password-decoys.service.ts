import { createHmac } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { foldEmail } from '../emails/email-address.js';
import { CONFIG, type Config } from '../config/config.js';
import { sql } from '../database/sql.js';
import { SecretKeys } from '../keys/secret-keys.js';
import { decoyOf, readHash, type StoredHash } from './password-hashes.js';

/** How long the shares are remembered, in milliseconds. */
const MEMORY = 60_000;

/** How many pages of the table are looked at, at most: about five thousand accounts. */
const PAGES = 100;

/** Accounts whose hashes are alike, and how many of them there are. */
interface Group {
  hash: StoredHash;
  count: number;
}

/**
 * One hash of each kind: what stands before the salt, and the length, tell kinds apart. The same pages each time, so that
 * what is drawn changes only with the table. Of a small table, all.
 */
const GROUPS = `
  SELECT min(password_hash) AS stored, count(*)::int AS count
  FROM accounts TABLESAMPLE SYSTEM ($1) REPEATABLE (0)
  WHERE password_hash IS NOT NULL AND email IS NOT NULL AND disabled_at IS NULL
  GROUP BY length(password_hash),
    CASE WHEN password_hash LIKE '$2_$%' THEN left(password_hash, 7)
      ELSE regexp_replace(password_hash, '\\$[^$]*\\$[^$]*$', '') END`;

/**
 * What passwords are compared with where there is no account. As long as hashes of several costs or schemes are stored
 * (BCRYPT_COST has been changed, accounts were imported), sign-ins take different times. So a decoy is like one of those that are stored, drawn by a keyed
 * digest of the email: an email always gets the same, and each kind as often as accounts have it.
 */
@Injectable()
export class PasswordDecoys {
  private remembered: { until: number; shares: Promise<Share[]> } | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly manager: EntityManager,
    private readonly secretKeys: SecretKeys,
  ) {}

  /** To be asked about every sign-in, so that a known email takes as long as an unknown one. */
  async of(email: string): Promise<StoredHash> {
    const drawn = this.draw(email);
    const share = (await this.shares()).find(({ end }) => drawn < end);
    return decoyOf(this.config.bcryptCost, share?.hash);
  }

  /** @returns a number from 0 to below 1 */
  private draw(email: string): number {
    const { key } = this.secretKeys.current('password-decoy');
    return createHmac('sha256', key).update(foldEmail(email)).digest().readUIntBE(0, 6) / 2 ** 48;
  }

  /** Nobody waits for what is read anew. */
  private shares(): Promise<Share[]> {
    const now = performance.now();
    if (this.remembered && now < this.remembered.until) return this.remembered.shares;
    const [before, shares] = [this.remembered?.shares, this.read()];
    const remembered = { until: now + MEMORY, shares: before ?? shares };
    this.remembered = remembered;
    shares.then(
      () => {
        remembered.shares = shares;
      },
      () => {
        if (!before) this.remembered = undefined;
      },
    );
    return remembered.shares;
  }

  private async read(): Promise<Share[]> {
    const [table] = await sql<{ pages: number }>(
      this.manager,
      `SELECT pg_relation_size('accounts') / current_setting('block_size')::int AS pages`,
    );
    const percentage = Math.min(100, (100 * PAGES) / Math.max(1, Number(table?.pages)));
    const rows = await sql<{ stored: string; count: number }>(this.manager, GROUPS, [percentage]);
    const groups = rows.flatMap(({ stored, count }) => {
      const hash = readHash(stored);
      return hash ? [{ hash: decoyOf(hash.cost, hash), count }] : [];
    });
    return sharesOf(groups, this.config.bcryptCost);
  }
}

/** What the hashes of a part of the accounts are like. `end`: where it ends, of all from 0 to 1. */
interface Share {
  hash: StoredHash;
  end: number;
}

/**
 * Today's kind comes first: renewed hashes make its share larger, so that what is drawn for an email changes as a hash does
 * that is renewed, from another kind to today's and never back.
 */
function sharesOf(groups: Group[], today: number): Share[] {
  const isOther = ({ hash: { scheme, cost, isWhole } }: Group) =>
    Number(scheme !== 'bcrypt' || cost !== today || isWhole);
  const order = ({ hash: { kind, cost, isWhole, isDigested } }: Group) =>
    `${cost.toFixed(6).padStart(10, '0')} ${kind} ${isWhole} ${isDigested}`;
  groups.sort((one, other) => isOther(one) - isOther(other) || (order(one) < order(other) ? -1 : 1));
  const total = groups.reduce((sum, { count }) => sum + count, 0);
  let sum = 0;
  return groups.map(({ hash, count }) => {
    sum += count;
    return { hash, end: sum / total };
  });
}
