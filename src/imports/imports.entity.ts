import { Column, Entity, PrimaryGeneratedColumn, Unique } from 'typeorm';

/** How far an import has come that is not finished. It goes on from there when it is started again. */
@Entity('imports')
@Unique('imports_source_key', ['source'])
@Unique('imports_report_key', ['report'])
export class ImportEntity {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  /** The path of the file; `-`: standard input. */
  @Column({ type: 'text' })
  source!: string;

  /** How many bytes of it are imported, up to the end of a record. */
  @Column({ type: 'bigint', default: 0 })
  position!: string;

  /** SHA-256 of these bytes. */
  @Column({ type: 'bytea' })
  digest!: Buffer;

  /** What has come of the records: how many lines there were, how many were made, changed, unchanged and refused. */
  @Column({ type: 'jsonb' })
  counts!: unknown;

  /** The path of the report. */
  @Column({ type: 'text' })
  report!: string;

  /** How many bytes the report has. */
  @Column({ name: 'report_size', type: 'bigint', default: 0 })
  reportSize!: string;

  @Column({ name: 'started_at', type: 'timestamptz', default: () => 'now()' })
  startedAt!: Date;

  @Column({ name: 'updated_at', type: 'timestamptz', default: () => 'now()' })
  updatedAt!: Date;
}
