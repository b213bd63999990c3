import { Check, Column, Entity, PrimaryColumn, PrimaryGeneratedColumn } from 'typeorm';

/** `failure`: the attempt failed; `refused`: it was not allowed. */
export type Outcome = 'success' | 'failure' | 'refused';

/**
 * Something that was done or tried. Append-only, as a trigger enforces. Partitioned by `at`; indexes other than the key are of the
 * partitions alone.
 */
@Entity('audit_events')
@Check('audit_events_outcome_check', `outcome IN ('success', 'failure', 'refused')`)
export class AuditEventEntity {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @PrimaryColumn({ type: 'timestamptz', default: () => 'now()' })
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
