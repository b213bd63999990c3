import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

const PRIMARY_KEY = { type: 'text', primaryKeyConstraintName: 'sign_in_failures_pkey' } as const;

/** How many sign-ins to an account have failed from one place; see {@link countedPlaces}. */
@Entity('sign_in_failures')
@Index('sign_in_failures_ends_at_idx', ['endsAt'])
export class SignInFailureEntity {
  /** A digest of the email that was shown, whether or not it has an account. */
  @PrimaryColumn(PRIMARY_KEY)
  account!: string;

  @PrimaryColumn(PRIMARY_KEY)
  place!: string;

  @Column({ type: 'integer' })
  count!: number;

  /** Null: nobody has to wait; infinity: until it is lifted. */
  @Column({ name: 'blocked_until', type: 'timestamptz', nullable: true })
  blockedUntil!: Date | null;

  /** When the failures are forgotten. */
  @Column({ name: 'ends_at', type: 'timestamptz' })
  endsAt!: Date;
}
