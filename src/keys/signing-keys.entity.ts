import { Check, Column, Entity, PrimaryColumn } from 'typeorm';
import type { JWK } from 'jose';
import type { SessionAlgorithm } from '../config/variables.js';

/**
 * A key pair that signs session tokens, from `signsFrom` until the next one does. The private half is encrypted with a sub-key
 * of SECRET_KEY.
 */
@Entity('signing_keys')
@Check('signing_keys_algorithm_check', `algorithm IN ('RS512', 'PS512')`)
export class SigningKeyEntity {
  /** Its RFC 7638 thumbprint. */
  @PrimaryColumn({ type: 'text' })
  kid!: string;

  @Column({ name: 'public_jwk', type: 'jsonb' })
  publicJwk!: JWK;

  @Column({ name: 'encrypted_private_key', type: 'bytea' })
  encryptedPrivateKey!: Buffer;

  /** The id of the SECRET_KEY that it is encrypted with. */
  @Column({ name: 'secret_key_id', type: 'text' })
  secretKeyId!: string;

  /**
   * Only for the previous release, which signs with the key that has the latest, by RS512: that of `signsFrom` as soon as it has
   * come, and long ago for what that release must not sign with.
   */
  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  /** What it signs with, and nothing else. */
  @Column({ type: 'text', default: 'RS512' })
  algorithm!: SessionAlgorithm;

  @Column({ name: 'published_at', type: 'timestamptz', default: () => 'now()' })
  publishedAt!: Date;

  @Column({ name: 'signs_from', type: 'timestamptz', default: () => 'now()' })
  signsFrom!: Date;

  /** How long, in seconds, a token that it has signed lasts at most: the longest SESSION_TTL of those who sign with it. */
  @Column({ name: 'token_ttl', type: 'bigint', default: 0 })
  tokenTtl!: string;
}
