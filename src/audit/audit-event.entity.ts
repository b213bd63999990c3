import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** That somebody did something. Rows are added, and never changed. */
@Entity('audit_events')
@Index('audit_events_at_idx', { synchronize: false })
export class AuditEventEntity {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  at!: Date;

  /** What was done, such as `token.issued`. */
  @Column({ type: 'text' })
  kind!: string;

  /** Who did it. */
  @Column({ name: 'actor_id', type: 'uuid', nullable: true })
  actorId!: string | null;

  /** For whom, where that is somebody else. */
  @Column({ name: 'on_behalf_of', type: 'uuid', nullable: true })
  onBehalfOf!: string | null;

  /** To what. */
  @Column({ type: 'text', nullable: true })
  subject!: string | null;

  @Column({ type: 'text', nullable: true })
  address!: string | null;

  @Column({ name: 'request_id', type: 'text', nullable: true })
  requestId!: string | null;
}
