import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryGeneratedColumn } from 'typeorm';
import { AccountEntity } from '../accounts/accounts.entity.js';

/** A password reset or an invitation. Its token is derived from its id, not stored. */
@Entity('password_resets')
@Index('password_resets_account_id_idx', ['accountId'])
@Index('password_resets_expires_at_idx', ['expiresAt'])
export class PasswordResetEntity {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  /** Null: no account has the email. The row is inserted anyway, so that both cases take as long. */
  @Column({ name: 'account_id', type: 'uuid', nullable: true })
  accountId!: string | null;

  @ManyToOne(() => AccountEntity, { onDelete: 'CASCADE', nullable: true })
  @JoinColumn({ name: 'account_id', foreignKeyConstraintName: 'password_resets_account_id_fkey' })
  account?: AccountEntity | null;

  /** The identification on whose page it was asked for, and to which its page leads back. It may be gone. */
  @Column({ name: 'identification_id', type: 'uuid', nullable: true })
  identificationId!: string | null;

  /** The address of whoever asked for it; null: unknown, or it is an invitation. */
  @Column({ name: 'asked_from', type: 'text', nullable: true })
  askedFrom!: string | null;

  /** The account that has invited, which may be gone; null: unknown, or it is a reset. */
  @Column({ name: 'invited_by', type: 'uuid', nullable: true })
  invitedBy!: string | null;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt!: Date;

  /** When it was used, or ended by a change of credentials. */
  @Column({ name: 'ended_at', type: 'timestamptz', nullable: true })
  endedAt!: Date | null;
}
