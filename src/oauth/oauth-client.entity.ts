import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Every scope that a client can have. */
export const CLIENT_SCOPES = ['accounts:read', 'accounts:write', 'identifications', 'tokens:introspect'];

/** An application that authenticates as itself (RFC 6749 section 2). */
@Entity('oauth_clients')
export class OauthClientEntity {
  @PrimaryColumn({ type: 'text' })
  id!: string;

  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'text', array: true })
  scopes!: string[];

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;
}
