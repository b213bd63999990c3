import { Check, Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** `failure`: the attempt failed; `refused`: it was not allowed. */
export type Outcome = 'success' | 'failure' | 'refused';

/** Something that was done or tried. Append-only, as a trigger enforces. */
@Entity('audit_events')
@Check('audit_events_outcome_check', `outcome IN ('success', 'failure', 'refused')`)
@Index('audit_events_at_idx', { synchronize: false })
@Index('audit_events_actor_idx', { synchronize: false })
@Index('audit_events_app_token_idx', { synchronize: false })
@Index('audit_events_on_behalf_of_idx', { synchronize: false })
@Index('audit_events_subject_idx', { synchronize: false })
@Index('audit_events_kind_idx', { synchronize: false })
@Index('audit_events_outcome_idx', { synchronize: false })
export class AuditEventEntity {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  at!: Date;

  /** The kind of event, such as `token.issued`. */
  @Column({ type: 'text' })
  kind!: string;

  @Column({ type: 'text', default: 'success' })
  outcome!: Outcome;

  /** The account that did it. */
  @Column({ name: 'actor_id', type: 'uuid', nullable: true })
  actorId!: string | null;

  /** The client that did it. */
  @Column({ name: 'client_id', type: 'text', nullable: true })
  clientId!: string | null;

  /** The App-Token with which it was done. */
  @Column({ name: 'app_token_id', type: 'uuid', nullable: true })
  appTokenId!: string | null;

  /** The account on whose behalf the actor acted. */
  @Column({ name: 'on_behalf_of', type: 'uuid', nullable: true })
  onBehalfOf!: string | null;

  /** The id of what was acted on. */
  @Column({ type: 'text', nullable: true })
  subject!: string | null;

  @Column({ type: 'text', nullable: true })
  address!: string | null;

  @Column({ name: 'request_id', type: 'text', nullable: true })
  requestId!: string | null;

  /** Further details, depending on the kind. */
  @Column({ type: 'jsonb', default: () => `'{}'` })
  details!: Record<string, unknown>;
}
