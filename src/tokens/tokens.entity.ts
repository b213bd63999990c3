import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryGeneratedColumn, Unique } from 'typeorm';
import type { PaymentType, ServiceMode, TokenSource } from './gateway-tokens.js';
import { TOKEN_KINDS, type TokenKind } from './token-kinds.js';

const KINDS = Object.keys(TOKEN_KINDS).map((kind) => `'${kind}'`);

/** An opaque token, whose secret is stored as a digest. */
@Entity('tokens')
@Unique('tokens_digest_key', ['digest'])
@Check('tokens_kind_check', `kind IN (${KINDS.join(', ')})`)
@Check('tokens_hint_check', 'char_length(hint) = 4')
@Check('tokens_gateway_account_id_check', 'char_length(gateway_account_id) <= 255')
@Check('tokens_description_check', 'char_length(description) <= 1000')
@Check('tokens_created_by_check', 'char_length(created_by) <= 255')
@Check('tokens_name_check', 'char_length(name) <= 255')
@Check('tokens_source_check', `source IN ('API', 'PRODUCTS')`)
@Check('tokens_payment_type_check', `payment_type IN ('CARD', 'DIRECT_DEBIT')`)
@Check('tokens_service_external_id_check', 'char_length(service_external_id) <= 255')
@Check('tokens_service_mode_check', `service_mode IN ('LIVE', 'TEST')`)
@Check('tokens_owner_check', `(account_id IS NULL) = (kind IN ('api', 'oauth'))`)
@Check('tokens_client_check', `(client_id IS NULL) = (kind <> 'oauth')`)
@Check('tokens_gateway_account_check', `(gateway_account_id IS NULL) = (kind <> 'api')`)
@Index('tokens_owner_idx', { synchronize: false })
@Index('tokens_actor_id_idx', { synchronize: false })
@Index('tokens_client_id_idx', { synchronize: false })
@Index('tokens_listed_idx', { synchronize: false })
@Index('tokens_gateway_account_id_idx', { synchronize: false })
@Index('tokens_ended_idx', { synchronize: false })
@Index('tokens_app_token_id_idx', { synchronize: false })
@Index('tokens_service_idx', { synchronize: false })
@Index('tokens_foreign_hash_key', { synchronize: false })
@Index('tokens_foreign_idx', { synchronize: false })
export class TokenEntity {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'text' })
  kind!: TokenKind;

  /** SHA-256 of the secret. */
  @Column({ type: 'bytea' })
  digest!: Buffer;

  /** The last four characters of the secret, by which people tell tokens apart. */
  @Column({ type: 'text' })
  hint!: string;

  @Column({ type: 'text', array: true, default: () => `'{}'` })
  scopes!: string[];

  /** From where an App-Token with the scope `client-address` may be used to pass one on; null: it has no such scope. */
  @Column({ type: 'cidr', array: true, nullable: true })
  networks!: string[] | null;

  /** The account that owns it or, for a user token, that it acts as. */
  @Column({ name: 'account_id', type: 'uuid', nullable: true })
  accountId!: string | null;

  /** By name, as `accounts` is on a higher floor. */
  @ManyToOne('AccountEntity', { onDelete: 'CASCADE', nullable: true })
  @JoinColumn({ name: 'account_id', foreignKeyConstraintName: 'tokens_account_id_fkey' })
  account?: unknown;

  /** The account that made it while acting for `account_id` or, for an `api` token, whose App-Token did. */
  @Column({ name: 'actor_id', type: 'uuid', nullable: true })
  actorId!: string | null;

  @ManyToOne('AccountEntity', { onDelete: 'CASCADE', nullable: true })
  @JoinColumn({ name: 'actor_id', foreignKeyConstraintName: 'tokens_actor_id_fkey' })
  actor?: unknown;

  /** The tokens on behalf of others that it was made with, and may not outlast; null: nobody acted for somebody else. */
  @Column({ name: 'made_with', type: 'uuid', array: true, nullable: true })
  madeWith!: string[] | null;

  /** Of an App-Token: what people call it. */
  @Column({ type: 'text', nullable: true })
  name!: string | null;

  /** The App-Token that a user token, or another App-Token, was got through, which may be gone; null: it is not known. */
  @Column({ name: 'app_token_id', type: 'uuid', nullable: true })
  appTokenId!: string | null;

  /** The client that an `oauth` token was issued to. */
  @Column({ name: 'client_id', type: 'text', nullable: true })
  clientId!: string | null;

  @ManyToOne('OauthClientEntity', { onDelete: 'CASCADE', nullable: true })
  @JoinColumn({ name: 'client_id', foreignKeyConstraintName: 'tokens_client_id_fkey' })
  client?: unknown;

  /** The client's epoch when it was issued; null: another kind of token, or issued by a release without epochs. */
  @Column({ name: 'client_epoch', type: 'integer', nullable: true })
  clientEpoch!: number | null;

  /** The resource server that an `oauth` token is for (RFC 8707); null: Latchkey. */
  @Column({ type: 'text', nullable: true })
  resource!: string | null;

  /** The gateway account that an `api` token represents. */
  @Column({ name: 'gateway_account_id', type: 'text', nullable: true })
  gatewayAccountId!: string | null;

  @Column({ type: 'text', nullable: true })
  description!: string | null;

  @Column({ name: 'created_by', type: 'text', nullable: true })
  createdBy!: string | null;

  /** What an `api` token is for: the API, or payment links (`PRODUCTS`). Null: `API`. */
  @Column({ type: 'text', nullable: true })
  source!: TokenSource | null;

  /** The payments that an `api` token is for. Null: `CARD`. */
  @Column({ name: 'payment_type', type: 'text', nullable: true })
  paymentType!: PaymentType | null;

  /** The service of the gateway that an `api` token is for, and its mode. */
  @Column({ name: 'service_external_id', type: 'text', nullable: true })
  serviceExternalId!: string | null;

  @Column({ name: 'service_mode', type: 'text', nullable: true })
  serviceMode!: ServiceMode | null;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  /** Null: never. */
  @Column({ name: 'expires_at', type: 'timestamptz', nullable: true })
  expiresAt!: Date | null;

  @Column({ name: 'revoked_at', type: 'timestamptz', nullable: true })
  revokedAt!: Date | null;

  /** Accurate to a few seconds. */
  @Column({ name: 'last_used_at', type: 'timestamptz', nullable: true })
  lastUsedAt!: Date | null;

  /** Whether another service has made it, so that its secret may have any form. */
  @Column({ name: 'is_foreign', type: 'boolean', default: false })
  isForeign!: boolean;

  /**
   * What another service kept of its secret (see `foreign-keys.ts`), until that is shown. Nobody has a secret with the digest
   * until then.
   */
  @Column({ name: 'foreign_hash', type: 'text', nullable: true })
  foreignHash!: string | null;
}
