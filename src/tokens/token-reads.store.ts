import { Injectable } from '@nestjs/common';
import { insertFrom, type EventRow } from '../audit-log/audit-events.store.js';
import { Batch } from '../database/batch.js';
import { Statements, type PreparedStatement } from '../database/statements.service.js';
import { recordOf, type Owner, type TokenName, type TokenRecord } from './token-records.js';

interface Asked {
  name: TokenName;
  owner: Owner;
}

interface AskedAndNoted {
  name: TokenName;
  event: EventRow;
}

type By = TokenName['by'];
type Row = TokenRecord & { key: string };

const readBy = (column: By, type: string, key: string) => `
  SELECT ${recordOf('tokens')}, kind || ' ' || ${key} AS key FROM tokens WHERE ${column} = ANY ($1::${type}[]) AND revoked_at IS NULL`;

const READ: Record<By, string> = {
  id: readBy('id', 'uuid', 'id::text'),
  digest: readBy('digest', 'bytea', `encode(digest, 'hex')`),
};

/** Whose subject is a key is about the token that is found by it. */
const readAndNote = (by: By) => `
  WITH found AS (${READ[by]}), noted AS (
    ${insertFrom('jsonb_to_recordset($2::jsonb)', { subject: 'f.id::text', among: 'JOIN found f ON f.key = r.subject' })}
  )
  SELECT * FROM found`;

const statements = (name: string, textOf: (by: By) => string): Record<By, PreparedStatement> => ({
  id: { name: `${name} by id`, text: textOf('id') },
  digest: { name: `${name} by digest`, text: textOf('digest') },
});

const READ_ALL = statements('read tokens', (by) => READ[by]);
const READ_AND_NOTE_ALL = statements('read tokens and note it', readAndNote);

/** The records of single tokens: whatever is asked for at the same moment is read by one statement. */
@Injectable()
export class TokenReadStore {
  private readonly read: Record<By, Batch<Asked, TokenRecord | undefined>>;
  private readonly readAndNoted: Record<By, Batch<AskedAndNoted, TokenRecord | undefined>>;

  constructor(private readonly statements: Statements) {
    const read = (by: By) => new Batch<Asked, TokenRecord | undefined>((asked) => this.readAll(by, asked));
    const readAndNoted = (by: By) =>
      new Batch<AskedAndNoted, TokenRecord | undefined>((asked) => this.readAndNoteAll(by, asked));
    this.read = { id: read('id'), digest: read('digest') };
    this.readAndNoted = { id: readAndNoted('id'), digest: readAndNoted('digest') };
  }

  /** @returns the record, unless it has been revoked or has another owner */
  find(name: TokenName, owner: Owner): Promise<TokenRecord | undefined> {
    return this.read[name.by].add({ name, owner });
  }

  /** Like {@link find}, for whoever may see everybody's. @param event of the audit log, but for its subject */
  findAndNote(name: TokenName, event: EventRow): Promise<TokenRecord | undefined> {
    return this.readAndNoted[name.by].add({ name, event: { ...event, subject: keyOf(name) } });
  }

  private async readAll(by: By, asked: Asked[]): Promise<(TokenRecord | undefined)[]> {
    const found = byKey(await this.statements.run<Row>(READ_ALL[by], [valuesOf(asked)]));
    return asked.map(({ name, owner }) => {
      const record = found.get(keyOf(name));
      return owner === null || record?.accountId === owner ? record : undefined;
    });
  }

  private async readAndNoteAll(by: By, asked: AskedAndNoted[]): Promise<(TokenRecord | undefined)[]> {
    const events = JSON.stringify(asked.map(({ event }) => event));
    const found = byKey(await this.statements.run<Row>(READ_AND_NOTE_ALL[by], [valuesOf(asked), events]));
    return asked.map(({ name }) => found.get(keyOf(name)));
  }
}

const valuesOf = (asked: { name: TokenName }[]) => asked.map(({ name }) => name.value);

/** They keep their key: without it, each would be a copy. */
const byKey = (rows: Row[]) => new Map<string, TokenRecord>(rows.map((row) => [row.key, row]));

const keyOf = ({ kind, value }: TokenName) =>
  `${kind} ${typeof value === 'string' ? value.toLowerCase() : value.toString('hex')}`;
