import { Injectable, type OnModuleInit } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { sql } from '../database/sql.js';
import { SecretKeys } from './secret-keys.js';

/** Keeps book of which SECRET_KEY was in use until when. */
@Injectable()
export class SecretKeyUses implements OnModuleInit {
  constructor(
    private readonly manager: EntityManager,
    private readonly secretKeys: SecretKeys,
  ) {}

  onModuleInit(): Promise<void> {
    return this.note();
  }

  /** Notes that the current one is in use now. */
  async note(): Promise<void> {
    await sql(
      this.manager,
      'INSERT INTO secret_keys (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET current_until = now()',
      [this.secretKeys.current('signing-key').id],
    );
  }
}
