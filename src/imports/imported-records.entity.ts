import { Column, Entity, PrimaryColumn } from 'typeorm';

/**
 * A token or an OAuth2 client that an import has made. Stays when that is deleted, so that no later import makes it again.
 */
@Entity('imported_records')
export class ImportedRecordEntity {
  /** A SHA-256: of the id of a client, or of what is known of the secret of a token. */
  @PrimaryColumn({ type: 'bytea' })
  key!: Buffer;

  @Column({ name: 'row_id', type: 'text' })
  rowId!: string;

  /** SHA-256 of the record that was imported last. */
  @Column({ type: 'bytea' })
  digest!: Buffer;

  /** SHA-256 of what can be changed here, as the import has left it. */
  @Column({ type: 'bytea' })
  state!: Buffer;

  @Column({ name: 'imported_at', type: 'timestamptz', default: () => 'now()' })
  importedAt!: Date;
}
