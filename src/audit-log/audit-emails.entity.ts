import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** The email that an event concerns. Apart from the event, so that it can be deleted with its account. */
@Entity('audit_emails')
@Index('audit_emails_email_idx', { synchronize: false })
@Index('audit_emails_account_id_idx', { synchronize: false })
@Index('audit_emails_at_idx', ['at'])
export class AuditEmailEntity {
  @PrimaryColumn({ name: 'event_id', type: 'uuid' })
  eventId!: string;

  /** The account that had the email then. No foreign key: the deletion of the account looks the emails up by it. */
  @Column({ name: 'account_id', type: 'uuid', nullable: true })
  accountId!: string | null;

  @Column({ type: 'text' })
  email!: string;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  at!: Date;
}
