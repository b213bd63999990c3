import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** The email that an event is about, apart from it: it can be taken away when its owner goes. */
@Entity('audit_emails')
@Index('audit_emails_email_idx', { synchronize: false })
@Index('audit_emails_account_id_idx', { synchronize: false })
@Index('audit_emails_at_idx', ['at'])
export class AuditEmailEntity {
  @PrimaryColumn({ name: 'event_id', type: 'uuid' })
  eventId!: string;

  /** Whose it was then. No foreign key: it is for the deletion of the account. */
  @Column({ name: 'account_id', type: 'uuid', nullable: true })
  accountId!: string | null;

  @Column({ type: 'text' })
  email!: string;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  at!: Date;
}
