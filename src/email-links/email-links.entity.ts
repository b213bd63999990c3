import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryGeneratedColumn } from 'typeorm';

/**
 * `verify`: whoever has it reads the mails of this email. `undo`: brings this email back, which the account had. `tell`: no
 * link, only that the account has this email no more.
 */
export type EmailLinkPurpose = 'verify' | 'undo' | 'tell';

/** A link that was mailed to an address, about that address. Its token is derived from its id, not stored. */
@Entity('email_links')
@Check('email_links_purpose_check', `purpose IN ('verify', 'undo', 'tell')`)
@Check('email_links_email_check', 'char_length(email) <= 254')
@Index('email_links_account_id_idx', ['accountId'])
@Index('email_links_email_idx', { synchronize: false })
@Index('email_links_expires_at_idx', ['expiresAt'])
export class EmailLinkEntity {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'text' })
  purpose!: EmailLinkPurpose;

  /** Null: nobody has the email, or it is verified. The row is written all the same, so that all cases look alike. */
  @Column({ name: 'account_id', type: 'uuid', nullable: true })
  accountId!: string | null;

  /** By its name, as accounts stand above this module. */
  @ManyToOne('AccountEntity', { onDelete: 'CASCADE', nullable: true })
  @JoinColumn({ name: 'account_id', foreignKeyConstraintName: 'email_links_account_id_fkey' })
  account?: unknown;

  @Column({ type: 'text' })
  email!: string;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt!: Date;

  /** When it was used, or another change made it worthless. */
  @Column({ name: 'ended_at', type: 'timestamptz', nullable: true })
  endedAt!: Date | null;
}
