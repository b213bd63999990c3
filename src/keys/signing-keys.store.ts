import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { SIGNING_KEY_LOCK } from '../database/locks.js';
import { sql } from '../database/sql.js';
import { KEPT_FOR } from './key-ring.js';
import { SigningKeyEntity } from './signing-keys.entity.js';

/** A private key as it is stored. */
type EncryptedKey = Pick<SigningKeyEntity, 'encryptedPrivateKey' | 'secretKeyId'>;

/** A key that has been made. */
export type NewKey = Pick<SigningKeyEntity, 'kid' | 'publicJwk' | 'algorithm'> & EncryptedKey & { tokenTtl: number };

/** A key as it is read. Times are seconds since 1970. */
export type KeyRow = NewKey & { publishedAt: number; signsFrom: number; goneAt: number | null };

/** When a key `k` is gone, by when the key `n` after it signs. */
const GONE_AT = `n.signs_from + (k.token_ttl + ${KEPT_FOR}) * interval '1 second'`;

/** The previous release signs with the latest `created_at`, by RS512, whenever it reads the table. */
const FOR_PREVIOUS = (signsFrom: string, algorithm: string) =>
  `CASE WHEN ${algorithm} = 'RS512' AND ${signsFrom} <= now() THEN ${signsFrom} ELSE 'epoch' END`;

/** Of a new key: after `$7` seconds, and after all others. */
const SIGNS_FROM = `greatest(now() + $7 * interval '1 second',
  (SELECT max(signs_from) + interval '1 microsecond' FROM signing_keys WHERE $8::text IS NOT NULL))`;

const INSERT = (where: string) => `
  INSERT INTO signing_keys
    (kid, public_jwk, encrypted_private_key, secret_key_id, algorithm, token_ttl, signs_from, created_at)
  SELECT $1, $2, $3, $4, $5::text, $6, signs_from, ${FOR_PREVIOUS('signs_from', '$5::text')}
  FROM (SELECT ${SIGNS_FROM} AS signs_from) AS new WHERE ${where}`;

const LAST = 'SELECT kid FROM signing_keys ORDER BY signs_from DESC, kid DESC LIMIT 1';

/** The table of signing keys. Every change of it is one conditional statement. */
@Injectable()
export class SigningKeyStore {
  constructor(private readonly manager: EntityManager) {}

  /** @returns whether there is a signing key */
  exists(): Promise<boolean> {
    return this.manager.existsBy(SigningKeyEntity, {});
  }

  /** @returns those that are not gone, in the order in which they sign */
  list(): Promise<KeyRow[]> {
    return sql<KeyRow>(
      this.manager,
      `SELECT * FROM (
         SELECT kid, public_jwk AS "publicJwk", encrypted_private_key AS "encryptedPrivateKey",
           secret_key_id AS "secretKeyId", algorithm, token_ttl::float8 AS "tokenTtl",
           extract(epoch FROM published_at)::float8 AS "publishedAt", extract(epoch FROM signs_from)::float8 AS "signsFrom",
           (SELECT extract(epoch FROM min(${GONE_AT}))::float8 FROM signing_keys n
            WHERE (n.signs_from, n.kid) > (k.signs_from, k.kid)) AS "goneAt"
         FROM signing_keys k
       ) AS keys WHERE "goneAt" IS NULL OR "goneAt" > extract(epoch FROM now()) ORDER BY "signsFrom", kid`,
    );
  }

  /** Makes those who add and end keys take turns, so that each sees what the one before has done. */
  async takeTurn(tx: EntityManager): Promise<void> {
    await sql(tx, 'SELECT pg_advisory_xact_lock($1, $2)', [...SIGNING_KEY_LOCK]);
  }

  /**
   * Adds a key, if `after` is still the last one; null: if there is none.
   *
   * @param delay after how many seconds it signs
   * @returns when it signs; undefined: somebody else was first
   */
  async add(tx: EntityManager, key: NewKey, after: string | null, delay: number): Promise<number | undefined> {
    const [row] = await sql<{ signsFrom: number }>(
      tx,
      `${INSERT(`(${LAST}) IS NOT DISTINCT FROM $8`)} RETURNING extract(epoch FROM signs_from)::float8 AS "signsFrom"`,
      [...valuesOf(key), delay, after],
    );
    return row?.signsFrom;
  }

  /**
   * Ends all keys, if the one that is named is still there, and adds one that signs at once.
   *
   * @returns those that have ended; none: somebody else was first
   */
  async replaceAll(tx: EntityManager, key: NewKey, named: string): Promise<{ ended: string[]; signsFrom: number }> {
    const [row] = await sql<{ ended: string[]; signsFrom: number }>(
      tx,
      `WITH ended AS (
         DELETE FROM signing_keys WHERE EXISTS (SELECT FROM signing_keys WHERE kid = $9) RETURNING kid
       ), added AS (${INSERT('EXISTS (SELECT FROM ended)')})
       SELECT coalesce(array_agg(kid ORDER BY kid), '{}') AS ended, extract(epoch FROM now())::float8 AS "signsFrom"
       FROM ended`,
      // Its time depends on none of those that end.
      [...valuesOf(key), 0, null, named],
    );
    return row ?? { ended: [], signsFrom: 0 };
  }

  /** @returns the last key, if it was published and signs from now on */
  async advance(tx: EntityManager): Promise<string | undefined> {
    const [row] = await sql<{ kid: string }>(
      tx,
      `UPDATE signing_keys SET signs_from = now(), created_at = ${FOR_PREVIOUS('now()', 'algorithm')}
       WHERE kid = (${LAST}) AND signs_from > now() RETURNING kid`,
    );
    return row?.kid;
  }

  /** @returns the keys that were deleted, as the last token that each has signed has expired long ago */
  async deleteGone(tx: EntityManager): Promise<string[]> {
    const rows = await sql<{ kid: string }>(
      tx,
      `DELETE FROM signing_keys k WHERE EXISTS (
         SELECT FROM signing_keys n WHERE (n.signs_from, n.kid) > (k.signs_from, k.kid) AND ${GONE_AT} <= now())
       RETURNING kid`,
    );
    return rows.map(({ kid }) => kid);
  }

  /** Lets the previous release sign with the keys whose time has come. */
  async showToPrevious(): Promise<void> {
    await sql(
      this.manager,
      `UPDATE signing_keys SET created_at = signs_from
       WHERE algorithm = 'RS512' AND signs_from <= now() AND created_at < signs_from`,
    );
  }

  /** Keeps the keys for as long as tokens of so many seconds want them. */
  async keepFor(tokenTtl: number): Promise<void> {
    await sql(this.manager, 'UPDATE signing_keys SET token_ttl = $1 WHERE token_ttl < $1', [tokenTtl]);
  }

  /** Stores a re-encrypted private key, unless another replica has done so meanwhile. */
  async replace({ kid, secretKeyId }: KeyRow, encrypted: EncryptedKey): Promise<void> {
    await this.manager.update(SigningKeyEntity, { kid, secretKeyId }, encrypted);
  }
}

function valuesOf({ kid, publicJwk, encryptedPrivateKey, secretKeyId, algorithm, tokenTtl }: NewKey): unknown[] {
  return [kid, JSON.stringify(publicJwk), encryptedPrivateKey, secretKeyId, algorithm, tokenTtl];
}
