import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { sql } from '../database/sql.js';
import { digestOf, hintOf } from './secret.js';

/** What is stored of a new token. */
export interface NewToken {
  kind: 'app';
  secret: string;
  accountId: string;
  scopes: string[];
  /** Seconds from now. */
  lifetime: number;
}

/** The token table. No other module touches a secret or its digest. */
@Injectable()
export class Tokens {
  /** Stores a token. Its secret is the caller's to show, once. */
  async add(tx: EntityManager, { kind, secret, accountId, scopes, lifetime }: NewToken): Promise<void> {
    await sql(
      tx,
      `INSERT INTO tokens (kind, digest, hint, scopes, account_id, expires_at)
       VALUES ($1, $2, $3, $4, $5, now() + $6 * interval '1 second')`,
      [kind, digestOf(secret), hintOf(secret), scopes, accountId, lifetime],
    );
  }
}
