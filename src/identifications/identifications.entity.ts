import { Check, Column, Entity, JoinColumn, ManyToOne, PrimaryColumn, PrimaryGeneratedColumn } from 'typeorm';

/**
 * One attempt to identify the account that a visitor belongs to. Partitioned by `created_at`; indexes other than the key are of the
 * partitions alone.
 */
@Entity('identifications')
@Check('identifications_url_check', 'char_length(url) <= 2048')
@Check('identifications_user_agent_check', 'char_length(user_agent) <= 2048')
@Check('identifications_email_check', 'char_length(email) <= 254')
export class IdentificationEntity {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  /** The client that created it, which alone can read it. */
  @Column({ name: 'client_id', type: 'text' })
  clientId!: string;

  /** By name, as `oauth` is on the same floor. */
  @ManyToOne('OauthClientEntity', { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'client_id', foreignKeyConstraintName: 'identifications_client_id_fkey' })
  client?: unknown;

  /** The account that was found; it may have been deleted since. */
  @Column({ name: 'account_id', type: 'uuid', nullable: true })
  accountId!: string | null;

  /** The account that the email's domain belongs to. */
  @Column({ name: 'institution_id', type: 'uuid', nullable: true })
  institutionId!: string | null;

  @Column({ type: 'inet' })
  ip!: string;

  /** The URL to return the visitor to. */
  @Column({ type: 'text' })
  url!: string;

  @Column({ name: 'user_agent', type: 'text' })
  userAgent!: string;

  @Column({ type: 'text', nullable: true })
  email!: string | null;

  /** For a result of the WAYF page: the URL that it returned to, as `withoutIdentification` has it. */
  @Column({ name: 'return_to', type: 'text', nullable: true })
  returnTo!: string | null;

  /** For a result of the WAYF page: the account's epoch when the password was checked. */
  @Column({ name: 'credential_epoch', type: 'integer', nullable: true })
  credentialEpoch!: number | null;

  /** When the client first showed the URL that the page returned to; `ip` and `user_agent` are those that it told. */
  @Column({ name: 'returned_at', type: 'timestamptz', nullable: true })
  returnedAt!: Date | null;

  @PrimaryColumn({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt!: Date;
}
