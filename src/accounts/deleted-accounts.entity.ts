import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** An account that was deleted. A trigger of `accounts` writes it: no other account ever gets its ids. */
@Entity('deleted_accounts')
@Index('deleted_accounts_legacy_id_idx', { synchronize: false })
@Index('deleted_accounts_imported_as_idx', { synchronize: false })
export class DeletedAccountEntity {
  @PrimaryColumn('uuid')
  id!: string;

  @Column({ name: 'legacy_id', type: 'text', nullable: true })
  legacyId!: string | null;

  @Column({ name: 'imported_as', type: 'bytea', nullable: true })
  importedAs!: Buffer | null;

  @Column({ name: 'deleted_at', type: 'timestamptz', default: () => 'now()' })
  deletedAt!: Date;
}
