import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { AccountEntity } from '../accounts/accounts.entity.js';

/** An application that authenticates as itself (RFC 6749 section 2). */
@Entity('oauth_clients')
@Index('oauth_clients_account_id_idx', ['accountId'])
@Index('oauth_clients_created_at_idx', { synchronize: false })
export class OauthClientEntity {
  @PrimaryColumn({ type: 'text' })
  id!: string;

  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'text', array: true })
  scopes!: string[];

  /** The account that owns it: the client is good while this is an enabled admin. */
  @Column({ name: 'account_id', type: 'uuid', nullable: true })
  accountId!: string | null;

  @ManyToOne(() => AccountEntity, { onDelete: 'CASCADE', nullable: true })
  @JoinColumn({ name: 'account_id', foreignKeyConstraintName: 'oauth_clients_account_id_fkey' })
  account?: AccountEntity;

  /** The account that made it while acting for the owner; null: nobody did. No foreign key: it stays when that is deleted. */
  @Column({ name: 'actor_id', type: 'uuid', nullable: true })
  actorId!: string | null;

  /** The tokens on behalf of others that it was made with, and may not outlast; null: nobody acted for somebody else. */
  @Column({ name: 'made_with', type: 'uuid', array: true, nullable: true })
  madeWith!: string[] | null;

  /** Raised by whatever ends, narrows or moves the client; see docs/architecture.md. */
  @Column({ type: 'integer', default: 0 })
  epoch!: number;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;
}
