import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryGeneratedColumn } from 'typeorm';
import { AccountEntity } from '../accounts/accounts.entity.js';

/** What a sign-in opens: one row, however often it is refreshed. */
@Entity('sessions')
@Index('sessions_account_id_idx', ['accountId'])
@Index('sessions_ended_idx', { synchronize: false })
@Check('sessions_user_agent_check', 'char_length(user_agent) <= 512')
export class SessionEntity {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ name: 'account_id', type: 'uuid' })
  accountId!: string;

  @ManyToOne(() => AccountEntity, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'account_id', foreignKeyConstraintName: 'sessions_account_id_fkey' })
  account?: AccountEntity;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  /** When the account's password was last entered for it; null: opened by a release that did not note it. */
  @Column({ name: 'password_checked_at', type: 'timestamptz', nullable: true })
  passwordCheckedAt!: Date | null;

  /** The client's address when it was opened or last refreshed. */
  @Column({ type: 'text', nullable: true })
  address!: string | null;

  @Column({ name: 'user_agent', type: 'text', nullable: true })
  userAgent!: string | null;

  /** Accurate to a few seconds. */
  @Column({ name: 'last_used_at', type: 'timestamptz', nullable: true })
  lastUsedAt!: Date | null;

  /** When its last access token and its refresh token have both expired. */
  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt!: Date;

  @Column({ name: 'revoked_at', type: 'timestamptz', nullable: true })
  revokedAt!: Date | null;

  /** The number of the refresh token that is current. */
  @Column({ name: 'refresh_counter', type: 'integer', default: 0 })
  refreshCounter!: number;

  /** When the current counter was made: by the first showing of its parent, or by its last late one. */
  @Column({ name: 'refreshed_at', type: 'timestamptz', nullable: true })
  refreshedAt!: Date | null;

  /**
   * The counter that the last late showing of a parent made, and then that parent, how many late showings of it there were,
   * and the network that this one came from. While the counter is the current one they hold; otherwise they are of the past,
   * and the parent is the counter before the current one. A release that knows no late showings leaves them as they are.
   */
  @Column({ name: 'late_counter', type: 'integer', nullable: true })
  lateCounter!: number | null;

  @Column({ name: 'late_parent', type: 'integer', nullable: true })
  lateParent!: number | null;

  @Column({ name: 'late_showings', type: 'integer', nullable: true })
  lateShowings!: number | null;

  @Column({ name: 'late_network', type: 'text', nullable: true })
  lateNetwork!: string | null;

  /** Null: the session cannot be refreshed (any more). */
  @Column({ name: 'refresh_expires_at', type: 'timestamptz', nullable: true })
  refreshExpiresAt!: Date | null;
}
