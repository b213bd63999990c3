import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryGeneratedColumn } from 'typeorm';

/**
 * `verify`: verifies this email, which the account has. `sign_up`: makes an account with this email; each attempt to sign up
 * has one. `change`: gives the account this email. `undo`: restores this email, which the account had before. `tell`: only
 * notifies this email that it is no longer the account's, without a link.
 */
export type EmailLinkPurpose = 'verify' | 'sign_up' | 'change' | 'undo' | 'tell';

/** A link about an email that was mailed to it. Its token is derived from its id, not stored. */
@Entity('email_links')
@Check('email_links_purpose_check', `purpose IN ('verify', 'undo', 'tell', 'sign_up', 'change')`)
@Check('email_links_email_check', 'char_length(email) <= 254')
@Index('email_links_account_id_idx', ['accountId'])
@Index('email_links_email_idx', { synchronize: false })
@Index('email_links_claims_idx', { synchronize: false })
@Index('email_links_unowned_idx', { synchronize: false })
@Index('email_links_expires_at_idx', ['expiresAt'])
export class EmailLinkEntity {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'text' })
  purpose!: EmailLinkPurpose;

  /** Null: an attempt to sign up, or no account has the email, or it is verified. The row is inserted anyway, so that all cases take as long. */
  @Column({ name: 'account_id', type: 'uuid', nullable: true })
  accountId!: string | null;

  /** By name, as `accounts` is on a higher floor. */
  @ManyToOne('AccountEntity', { onDelete: 'CASCADE', nullable: true })
  @JoinColumn({ name: 'account_id', foreignKeyConstraintName: 'email_links_account_id_fkey' })
  account?: unknown;

  @Column({ type: 'text' })
  email!: string;

  /** Of an attempt to sign up: the hash of its password, until it is redeemed or ended. */
  @Column({ name: 'password_hash', type: 'text', nullable: true })
  passwordHash!: string | null;

  /** Of whoever signs up: a tag of BCP 47. The account gets it. */
  @Column({ type: 'text', nullable: true })
  locale!: string | null;

  /** The address of whoever asked for it; null: unknown, or nobody did but an admin. */
  @Column({ name: 'asked_from', type: 'text', nullable: true })
  askedFrom!: string | null;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt!: Date;

  /** When it was used or ended. */
  @Column({ name: 'ended_at', type: 'timestamptz', nullable: true })
  endedAt!: Date | null;
}
