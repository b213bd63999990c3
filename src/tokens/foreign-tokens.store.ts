import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { sql } from '../database/sql.js';
import { Statements, type PreparedStatement } from '../database/statements.service.js';
import type { TokenKind } from './token-kinds.js';
import { ofKind } from './token-records.js';

/** Which tokens are stored that another service has made. */
export interface StoredForeign {
  kinds: TokenKind[];
  /** Whether some are known by a hash of bcrypt only. */
  hasHashes: boolean;
}

/** The least one, and not any: so that PostgreSQL looks at the end of an index, and not through the table. */
const LEAST_FROM = '(SELECT min(kind) FROM tokens WHERE is_foreign AND kind >= k.kind)';

const STORED: PreparedStatement = {
  name: 'stored foreign tokens',
  text: `
    SELECT ARRAY(SELECT k.kind FROM (VALUES ('api'), ('app'), ('user')) AS k (kind) WHERE ${LEAST_FROM} = k.kind) AS kinds,
      (SELECT min(foreign_hash) FROM tokens WHERE foreign_hash IS NOT NULL) IS NOT NULL AS "hasHashes"`,
};

const BY_HASH: PreparedStatement = {
  name: 'find token by foreign hash',
  text: 'SELECT id FROM tokens WHERE foreign_hash = $1',
};

const BY_DIGEST: PreparedStatement = {
  name: 'find token of any state',
  text: `SELECT id FROM tokens WHERE digest = $1 AND ${ofKind('kind')}`,
};

/** The tokens that another service has made. */
@Injectable()
export class ForeignTokenStore {
  constructor(private readonly statements: Statements) {}

  async stored(): Promise<StoredForeign> {
    const [row] = await this.statements.run<StoredForeign & Record<string, unknown>>(STORED, []);
    return row ?? { kinds: [], hasHashes: false };
  }

  async hasHash(hash: string): Promise<boolean> {
    return (await this.statements.run(BY_HASH, [hash])).length > 0;
  }

  /** @returns whether a token has this digest, good or not */
  async hasDigest(kind: TokenKind, digest: Buffer): Promise<boolean> {
    return (await this.statements.run(BY_DIGEST, [digest, kind])).length > 0;
  }

  /** Stores the digest of a secret instead of its hash. @returns whether that was the last hash */
  async renew(tx: EntityManager, hash: string, secret: { digest: Buffer; hint: string }): Promise<boolean> {
    await sql(
      tx,
      `UPDATE tokens SET digest = $2, hint = $3, foreign_hash = NULL
       WHERE foreign_hash = $1 AND NOT EXISTS (SELECT FROM tokens WHERE digest = $2) RETURNING id`,
      [hash, secret.digest, secret.hint],
    );
    const rows = await sql(tx, 'SELECT min(foreign_hash) FROM tokens HAVING min(foreign_hash) IS NOT NULL');
    return rows.length === 0;
  }
}
