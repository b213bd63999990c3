import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { AccountEntity } from './accounts.entity.js';

/** A domain whose email addresses belong to an account: `example.org`, or `*.example.org` for those below it. */
@Entity('account_email_domains')
@Check('account_email_domains_domain_check', 'char_length(domain) <= 255')
@Index('account_email_domains_seniority_idx', ['domain', 'seniority', 'accountId'])
export class AccountEmailDomainEntity {
  @PrimaryColumn({ name: 'account_id', type: 'uuid', primaryKeyConstraintName: 'account_email_domains_pkey' })
  accountId!: string;

  @ManyToOne(() => AccountEntity, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'account_id', foreignKeyConstraintName: 'account_email_domains_account_id_fkey' })
  account?: AccountEntity;

  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: 'account_email_domains_pkey' })
  domain!: string;

  /** When its account was made; null while that is disabled. Triggers keep it. */
  @Column({ type: 'timestamptz', nullable: true })
  seniority!: Date | null;
}
