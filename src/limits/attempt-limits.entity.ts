import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** How many attempts were made in a window of time. */
@Entity('attempt_limits')
@Index('attempt_limits_window_ends_at_idx', ['windowEndsAt'])
export class AttemptLimitEntity {
  @PrimaryColumn({ type: 'text' })
  key!: string;

  @Column({ type: 'integer' })
  count!: number;

  @Column({ name: 'window_ends_at', type: 'timestamptz' })
  windowEndsAt!: Date;

  /** Whether the audit log has an event for the limit in this window. */
  @Column({ type: 'boolean', default: false })
  told!: boolean;
}
