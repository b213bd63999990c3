import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { AccountEntity } from '../accounts/accounts.entity.js';

const PRIMARY_KEY = { primaryKeyConstraintName: 'known_addresses_pkey' } as const;

/** An address from which somebody has signed in to the account. */
@Entity('known_addresses')
@Index('known_addresses_seen_at_idx', ['seenAt'])
export class KnownAddressEntity {
  @PrimaryColumn({ name: 'account_id', type: 'uuid', ...PRIMARY_KEY })
  accountId!: string;

  @ManyToOne(() => AccountEntity, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'account_id', foreignKeyConstraintName: 'known_addresses_account_id_fkey' })
  account?: AccountEntity;

  /** A keyed digest of the account, the address and the application that it is known in. */
  @PrimaryColumn({ type: 'bytea', ...PRIMARY_KEY })
  digest!: Buffer;

  /** Accurate to a day. */
  @Column({ name: 'seen_at', type: 'timestamptz', default: () => 'now()' })
  seenAt!: Date;
}
