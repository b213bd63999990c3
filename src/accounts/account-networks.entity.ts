import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { AccountEntity } from './accounts.entity.js';

/** A network from which visitors belong to an account. */
@Entity('account_networks')
@Index('account_networks_network_idx', { synchronize: false })
@Index('account_networks_seniority_idx', { synchronize: false })
export class AccountNetworkEntity {
  @PrimaryColumn({ name: 'account_id', type: 'uuid', primaryKeyConstraintName: 'account_networks_pkey' })
  accountId!: string;

  @ManyToOne(() => AccountEntity, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'account_id', foreignKeyConstraintName: 'account_networks_account_id_fkey' })
  account?: AccountEntity;

  @PrimaryColumn({ type: 'cidr', primaryKeyConstraintName: 'account_networks_pkey' })
  network!: string;

  /** When its account was made; null while that is disabled. Triggers keep it. */
  @Column({ type: 'timestamptz', nullable: true })
  seniority!: Date | null;
}
