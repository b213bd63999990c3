import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryGeneratedColumn } from 'typeorm';
import { AccountEntity } from '../accounts/accounts.entity.js';

/**
 * `session`: by whoever was signed in; `moved`: so too, together with the email, for the email before; `link`: by a link in a
 * mail; `admin`: an admin has removed it; `undo`: so has the link that undoes a change of email.
 */
export type PasswordChangeWay = 'session' | 'moved' | 'link' | 'admin' | 'undo';

/** A change of a password, for the mail that tells of it. */
@Entity('password_changes')
@Check('password_changes_way_check', `way IN ('session', 'moved', 'link', 'admin', 'undo')`)
@Index('password_changes_account_id_idx', ['accountId'])
@Index('password_changes_changed_at_idx', ['changedAt'])
export class PasswordChangeEntity {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ name: 'account_id', type: 'uuid' })
  accountId!: string;

  @ManyToOne(() => AccountEntity, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'account_id', foreignKeyConstraintName: 'password_changes_account_id_fkey' })
  account?: AccountEntity;

  @Column({ type: 'text' })
  way!: PasswordChangeWay;

  /** Where it was asked for; null: by an admin, or unknown. */
  @Column({ type: 'text', nullable: true })
  address!: string | null;

  @Column({ name: 'user_agent', type: 'text', nullable: true })
  userAgent!: string | null;

  @Column({ name: 'changed_at', type: 'timestamptz', default: () => 'now()' })
  changedAt!: Date;
}
