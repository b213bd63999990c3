import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A key that a client has given a request, and what was answered. Neither is stored as it is. */
@Entity('idempotency_keys')
@Check('idempotency_keys_digest_check', 'octet_length(digest) = 32')
@Check('idempotency_keys_body_digest_check', 'octet_length(body_digest) = 32')
@Index('idempotency_keys_expires_at_idx', ['expiresAt'])
export class IdempotencyKeyEntity {
  /** HMAC of the credential, the route and the key. */
  @PrimaryColumn({ type: 'bytea' })
  digest!: Buffer;

  /** HMAC of the body. */
  @Column({ name: 'body_digest', type: 'bytea' })
  bodyDigest!: Buffer;

  /** Names the request that has the key: one that came too late finds another. */
  @Column({ type: 'uuid' })
  claim!: string;

  /** Until then nobody else gets the key, although there is no answer. */
  @Column({ name: 'claimed_until', type: 'timestamptz' })
  claimedUntil!: Date;

  /** Set in the transaction of what the request makes. */
  @Column({ name: 'acted_at', type: 'timestamptz', nullable: true })
  actedAt!: Date | null;

  /** Sealed under a key that wants the client's key too. */
  @Column({ type: 'bytea', nullable: true })
  answer!: Buffer | null;

  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt!: Date;
}
