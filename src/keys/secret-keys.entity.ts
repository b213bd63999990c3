import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A SECRET_KEY that servers have signed and encrypted with. The key itself is stored nowhere. */
@Entity('secret_keys')
export class SecretKeyEntity {
  /** As it stands in what is made with it. */
  @PrimaryColumn({ type: 'text' })
  id!: string;

  @Column({ name: 'current_from', type: 'timestamptz', default: () => 'now()' })
  currentFrom!: Date;

  /** When a server had it as its current one, accurate to a minute. */
  @Column({ name: 'current_until', type: 'timestamptz', default: () => 'now()' })
  currentUntil!: Date;
}
