import { Column, Entity, Index, PrimaryGeneratedColumn, Unique } from 'typeorm';

/** An opaque secret that Latchkey issued: its digest, never itself. */
@Entity('tokens')
@Unique('tokens_digest_key', ['digest'])
@Index('tokens_account_id_idx', ['accountId'])
export class TokenEntity {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'text' })
  kind!: string;

  /** SHA-256 of the secret. */
  @Column({ type: 'bytea' })
  digest!: Buffer;

  /** The last four characters of the secret, by which people tell tokens apart. */
  @Column({ type: 'text' })
  hint!: string;

  @Column({ type: 'text', array: true, default: () => `'{}'` })
  scopes!: string[];

  @Column({ name: 'account_id', type: 'uuid' })
  accountId!: string;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt!: Date;
}
