import { Injectable } from '@nestjs/common';
import { Batch } from '../database/batch.js';
import { Statements, type PreparedStatement } from '../database/statements.service.js';
import { recordOf, type Owner, type TokenName, type TokenRecord } from './token-records.js';

interface Asked {
  name: TokenName;
  owner: Owner;
}

const readBy = (column: TokenName['by'], type: string, key: string): PreparedStatement => ({
  name: `read tokens by ${column}`,
  text: `SELECT ${recordOf('tokens')}, ${key} AS key FROM tokens WHERE ${column} = ANY ($1::${type}[]) AND revoked_at IS NULL`,
});

const STATEMENTS = {
  id: readBy('id', 'uuid', 'id::text'),
  digest: readBy('digest', 'bytea', `encode(digest, 'hex')`),
};

/** The records of single tokens: whatever is asked for at the same moment is read by one statement. */
@Injectable()
export class TokenReadStore {
  private readonly batches: Record<TokenName['by'], Batch<Asked, TokenRecord | undefined>>;

  constructor(private readonly statements: Statements) {
    this.batches = {
      id: new Batch((asked) => this.readAll('id', asked)),
      digest: new Batch((asked) => this.readAll('digest', asked)),
    };
  }

  /** @returns the record, unless it has been revoked or has another owner */
  find(name: TokenName, owner: Owner): Promise<TokenRecord | undefined> {
    return this.batches[name.by].add({ name, owner });
  }

  private async readAll(by: TokenName['by'], asked: Asked[]): Promise<(TokenRecord | undefined)[]> {
    const values = asked.map(({ name }) => name.value);
    const rows = await this.statements.run<TokenRecord & { key: string }>(STATEMENTS[by], [values]);
    const found = new Map(rows.map(({ key, ...record }) => [key, record]));
    return asked.map(({ name, owner }) => {
      const record = found.get(keyOf(name));
      const isMeant = record?.kind === name.kind && (owner === null || record.accountId === owner);
      return isMeant ? record : undefined;
    });
  }
}

const keyOf = ({ value }: TokenName) => (typeof value === 'string' ? value.toLowerCase() : value.toString('hex'));
