import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { JWK } from 'jose';

/** A key pair that signs session tokens. The private half is encrypted with a sub-key of SECRET_KEY. */
@Entity('signing_keys')
export class SigningKeyEntity {
  /** Its RFC 7638 thumbprint. */
  @PrimaryColumn({ type: 'text' })
  kid!: string;

  @Column({ name: 'public_jwk', type: 'jsonb' })
  publicJwk!: JWK;

  @Column({ name: 'encrypted_private_key', type: 'bytea' })
  encryptedPrivateKey!: Buffer;

  /** The id of the SECRET_KEY that it is encrypted with. */
  @Column({ name: 'secret_key_id', type: 'text' })
  secretKeyId!: string;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;
}
