import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** A mail in the queue. Its text, and any secret in it, is rendered when it is sent. */
@Entity('outgoing_mails')
@Index('outgoing_mails_done_at_idx', ['doneAt'], { where: '(done_at IS NOT NULL)' })
@Index('outgoing_mails_subject_id_idx', ['subjectId'])
@Index('outgoing_mails_recipient_idx', { synchronize: false })
@Index('outgoing_mails_due_idx', ['nextAttemptAt'], { where: '(done_at IS NULL)' })
export class OutgoingMailEntity {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  /** Which renderer writes it; see `MailQueue.register`. */
  @Column({ type: 'text' })
  kind!: string;

  /** The id of what the mail is about, such as a reset; passed to the renderer. */
  @Column({ name: 'subject_id', type: 'uuid' })
  subjectId!: string;

  @Column({ type: 'text' })
  recipient!: string;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  /** How many attempts were begun. */
  @Column({ type: 'integer', default: 0 })
  attempts!: number;

  @Column({ name: 'next_attempt_at', type: 'timestamptz', default: () => 'now()' })
  nextAttemptAt!: Date;

  /** When it was sent, refused for good, or found to be of no use any more. */
  @Column({ name: 'done_at', type: 'timestamptz', nullable: true })
  doneAt!: Date | null;

  /** The class and code of the last failure; that of the refusal, once it is done. */
  @Column({ name: 'last_error', type: 'text', nullable: true })
  lastError!: string | null;
}
