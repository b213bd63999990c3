import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryGeneratedColumn } from 'typeorm';
import { OauthClientEntity } from './oauth-clients.entity.js';

/** A secret of a client, stored as a digest. A client can have two while one replaces the other. */
@Entity('oauth_client_secrets')
@Check('oauth_client_secrets_hint_check', 'char_length(hint) = 4')
@Index('oauth_client_secrets_client_id_idx', ['clientId'])
export class OauthClientSecretEntity {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ name: 'client_id', type: 'text' })
  clientId!: string;

  @ManyToOne(() => OauthClientEntity, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'client_id', foreignKeyConstraintName: 'oauth_client_secrets_client_id_fkey' })
  client?: OauthClientEntity;

  /** SHA-256 of the secret. */
  @Column({ type: 'bytea' })
  digest!: Buffer;

  /** The last four characters of the secret; null if it is older than this column. */
  @Column({ type: 'text', nullable: true })
  hint!: string | null;

  /** The account that made it while acting for somebody else; null: nobody did. No foreign key: it stays when that is deleted. */
  @Column({ name: 'actor_id', type: 'uuid', nullable: true })
  actorId!: string | null;

  /** The tokens on behalf of others that it was made with, and may not outlast; null: nobody acted for somebody else. */
  @Column({ name: 'made_with', type: 'uuid', array: true, nullable: true })
  madeWith!: string[] | null;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  /** Accurate to about a minute. */
  @Column({ name: 'last_used_at', type: 'timestamptz', nullable: true })
  lastUsedAt!: Date | null;

  /** What another service kept of the secret, until that is shown. Nobody has a secret with the digest until then. */
  @Column({ name: 'foreign_hash', type: 'text', nullable: true })
  foreignHash!: string | null;
}
