import { Injectable, type OnModuleInit } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { IDEMPOTENCY_LOCKS } from '../database/locks.js';
import { sql } from '../database/sql.js';
import { Sweeper } from '../database/sweeper.service.js';

/** A key and a body, as a SECRET_KEY digests them. */
export interface Digests {
  digest: Buffer;
  bodyDigest: Buffer;
}

/** What is stored of a key that somebody else has, or had. */
export interface Known extends Digests {
  /** Something was made, and nobody will say any more what was answered. */
  isLost: boolean;
  answer: Buffer | null;
}

/** How long an answer is kept. */
const KEPT = `interval '24 hours'`;
/**
 * How long a request has its key while there is no answer: longer than any request takes, and not long for whoever tries
 * again after a crash.
 */
const LEASE = `interval '20 seconds'`;

/** Nobody needs it any more: it is old, or whoever had it has gone without having made anything. */
const IS_FREE = `(k.expires_at <= clock_timestamp()
  OR (k.acted_at IS NULL AND k.answer IS NULL AND k.claimed_until <= clock_timestamp()))`;

const CLAIM = `
  INSERT INTO idempotency_keys AS k (digest, body_digest, claim, claimed_until, expires_at)
  VALUES ($1, $2, $3, clock_timestamp() + ${LEASE}, clock_timestamp() + ${KEPT})
  ON CONFLICT (digest) DO UPDATE SET body_digest = excluded.body_digest, claim = excluded.claim,
    claimed_until = excluded.claimed_until, expires_at = excluded.expires_at, acted_at = NULL, answer = NULL
  WHERE ${IS_FREE}
  RETURNING 1 AS one`;

const FIND = `
  SELECT digest, body_digest AS "bodyDigest", answer,
    acted_at IS NOT NULL AND answer IS NULL AND claimed_until <= clock_timestamp() AS "isLost"
  FROM idempotency_keys k WHERE digest = ANY ($1) AND NOT ${IS_FREE}`;

/** The table of keys that clients have given their requests. */
@Injectable()
export class IdempotencyKeyStore implements OnModuleInit {
  constructor(
    private readonly manager: EntityManager,
    private readonly sweeper: Sweeper,
  ) {}

  onModuleInit(): void {
    this.sweeper.add({ table: 'idempotency_keys', time: 'expires_at', before: 'now()' });
  }

  /**
   * Takes a key for a request, unless another has it or had it.
   *
   * @param named as each SECRET_KEY digests it, the current one first
   * @param lock the same number for the same key, whatever the SECRET_KEY
   * @returns what is known of it; undefined: the request has it
   */
  async claim(named: [Digests, ...Digests[]], claim: string, lock: number): Promise<Known | undefined> {
    const [current, ...older] = named;
    if (older.length === 0) {
      return (await this.take(this.manager, current, claim)) ? undefined : this.found(this.manager, named);
    }
    // Replicas may have the SECRET_KEYs in another order, and so another row for the same key.
    return this.manager.transaction(async (tx) => {
      await sql(tx, 'SELECT pg_advisory_xact_lock($1, $2)', [IDEMPOTENCY_LOCKS, lock]);
      const digests = named.map(({ digest }) => digest);
      const [known] = await sql<Known>(tx, FIND, [digests]);
      if (known) return known;
      await sql(tx, `DELETE FROM idempotency_keys k WHERE digest = ANY ($1) AND digest <> $2 AND ${IS_FREE}`, [
        digests,
        current.digest,
      ]);
      return (await this.take(tx, current, claim)) ? undefined : this.found(tx, named);
    });
  }

  /**
   * To be called in the transaction of what the request makes.
   *
   * @returns whether the request still has its key
   */
  async noteAct(tx: EntityManager, digest: Buffer, claim: string): Promise<boolean> {
    const rows = await sql(
      tx,
      'UPDATE idempotency_keys SET acted_at = now() WHERE digest = $1 AND claim = $2 RETURNING 1 AS one',
      [digest, claim],
    );
    return rows.length > 0;
  }

  async keepAnswer(digest: Buffer, claim: string, answer: Buffer): Promise<void> {
    await sql(this.manager, 'UPDATE idempotency_keys SET answer = $3 WHERE digest = $1 AND claim = $2', [
      digest,
      claim,
      answer,
    ]);
  }

  /** Gives a key back whose request has made nothing. */
  async release(digest: Buffer, claim: string): Promise<void> {
    await sql(this.manager, 'DELETE FROM idempotency_keys WHERE digest = $1 AND claim = $2 AND acted_at IS NULL', [
      digest,
      claim,
    ]);
  }

  private async take(manager: EntityManager, { digest, bodyDigest }: Digests, claim: string): Promise<boolean> {
    return (await sql(manager, CLAIM, [digest, bodyDigest, claim])).length > 0;
  }

  /** Whoever had it may have given it back meanwhile: it is taken for one that is in use. */
  private async found(manager: EntityManager, named: [Digests, ...Digests[]]): Promise<Known> {
    const [known] = await sql<Known>(manager, FIND, [named.map(({ digest }) => digest)]);
    return known ?? { ...named[0], isLost: false, answer: null };
  }
}
