import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryGeneratedColumn } from 'typeorm';
import { AccountEntity } from '../accounts/account.entity.js';

/** One attempt to work out which account a visitor belongs to. */
@Entity('identifications')
@Check('identifications_url_check', 'char_length(url) <= 2048')
@Check('identifications_user_agent_check', 'char_length(user_agent) <= 2048')
@Check('identifications_email_check', 'char_length(email) <= 254')
@Index('identifications_expires_at_idx', ['expiresAt'])
@Index('identifications_client_id_idx', ['clientId'])
@Index('identifications_account_id_idx', { synchronize: false })
@Index('identifications_institution_id_idx', { synchronize: false })
export class IdentificationEntity {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  /** The client that asked, and that alone can see the answer. */
  @Column({ name: 'client_id', type: 'text' })
  clientId!: string;

  /** By its name, as clients are a neighbour of this module. */
  @ManyToOne('OauthClientEntity', { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'client_id', foreignKeyConstraintName: 'identifications_client_id_fkey' })
  client?: unknown;

  /** The account that was found. */
  @Column({ name: 'account_id', type: 'uuid', nullable: true })
  accountId!: string | null;

  @ManyToOne(() => AccountEntity, { onDelete: 'SET NULL', nullable: true })
  @JoinColumn({ name: 'account_id', foreignKeyConstraintName: 'identifications_account_id_fkey' })
  account?: AccountEntity;

  /** The account that the email's domain belongs to. */
  @Column({ name: 'institution_id', type: 'uuid', nullable: true })
  institutionId!: string | null;

  @ManyToOne(() => AccountEntity, { onDelete: 'SET NULL', nullable: true })
  @JoinColumn({ name: 'institution_id', foreignKeyConstraintName: 'identifications_institution_id_fkey' })
  institution?: AccountEntity;

  @Column({ type: 'inet' })
  ip!: string;

  /** Where the client wants its visitor back. */
  @Column({ type: 'text' })
  url!: string;

  @Column({ name: 'user_agent', type: 'text' })
  userAgent!: string;

  @Column({ type: 'text', nullable: true })
  email!: string | null;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt!: Date;
}
