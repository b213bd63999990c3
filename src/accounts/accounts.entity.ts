import { Check, Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

export type Role = 'admin' | 'user';

/** One person or organisation. */
@Entity('accounts')
@Index('accounts_email_key', { synchronize: false })
@Index('accounts_name_key', ['name'], { unique: true })
@Index('accounts_created_at_idx', ['createdAt', 'id'])
@Index('accounts_institution_idx', { synchronize: false })
@Index('accounts_legacy_id_key', { synchronize: false })
@Index('accounts_imported_as_key', { synchronize: false })
@Index('accounts_email_search_idx', { synchronize: false })
@Index('accounts_name_search_idx', { synchronize: false })
@Index('accounts_admins_idx', { synchronize: false })
@Index('accounts_disabled_idx', { synchronize: false })
@Index('accounts_organisations_idx', { synchronize: false })
@Index('accounts_for_clients_idx', { synchronize: false })
@Index('accounts_publisher_reference_idx', { synchronize: false })
@Check('accounts_name_check', 'char_length(name) BETWEEN 1 AND 255')
@Check('accounts_publisher_reference_check', 'char_length(publisher_reference) <= 255')
@Check('accounts_email_check', 'char_length(email) <= 254')
@Check('accounts_role_check', `role IN ('admin', 'user')`)
export class AccountEntity {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  /** Unique without regard to case, by an index on its lower case. */
  @Column({ type: 'text', nullable: true })
  email!: string | null;

  /** When the email was verified; null: not yet, or it has been changed since. */
  @Column({ name: 'email_verified_at', type: 'timestamptz', nullable: true })
  emailVerifiedAt!: Date | null;

  /** Unique; null until someone gives one. */
  @Column({ type: 'text', nullable: true })
  name!: string | null;

  /** Other names of an organisation, under which visitors look for it. */
  @Column({ type: 'text', array: true, default: '{}' })
  aliases!: string[];

  /** What the publisher calls the account. */
  @Column({ name: 'publisher_reference', type: 'text', nullable: true })
  publisherReference!: string | null;

  /** A person; false: an organisation. */
  @Column({ type: 'boolean', default: true })
  individual!: boolean;

  @Column({ type: 'text', default: 'user' })
  role!: Role;

  /** bcrypt; null: nobody can sign in with a password. */
  @Column({ name: 'password_hash', type: 'text', nullable: true })
  passwordHash!: string | null;

  /** When somebody else chose the password; null: its holder did, or a release before 0.2 made the account. */
  @Column({ name: 'initial_password_at', type: 'timestamptz', nullable: true })
  initialPasswordAt!: Date | null;

  /** Raised by whatever revokes everything that signs the account in; see docs/architecture.md. */
  @Column({ name: 'credential_epoch', type: 'integer', default: 0 })
  credentialEpoch!: number;

  /** Of its mails: a tag of BCP 47, such as `de-CH`; null: nobody said. */
  @Column({ type: 'text', nullable: true })
  locale!: string | null;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  @Column({ name: 'updated_at', type: 'timestamptz', default: () => 'now()' })
  updatedAt!: Date;

  @Column({ name: 'disabled_at', type: 'timestamptz', nullable: true })
  disabledAt!: Date | null;

  /** What the service called it from which it was imported: 24 hexadecimal characters. */
  @Column({ name: 'legacy_id', type: 'text', nullable: true })
  legacyId!: string | null;

  /** When an import last wrote it; null: none did, and none will. */
  @Column({ name: 'imported_at', type: 'timestamptz', nullable: true })
  importedAt!: Date | null;

  /** SHA-256 of what was imported last. */
  @Column({ name: 'imported_digest', type: 'bytea', nullable: true })
  importedDigest!: Buffer | null;

  /** SHA-256 of the hash of a password that was imported last, in place of which there may be one of ours. */
  @Column({ name: 'imported_password', type: 'bytea', nullable: true })
  importedPassword!: Buffer | null;

  /** A keyed digest of the email or the name by which records are about it that have no ids; see `imports/origins.service.ts`. */
  @Column({ name: 'imported_as', type: 'bytea', nullable: true })
  importedAs!: Buffer | null;
}
