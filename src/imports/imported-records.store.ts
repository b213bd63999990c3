import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { sql } from '../database/sql.js';
import type { ClientRecord, TokenRecord } from './records.js';

/** What is known of a record that was imported before. */
export interface Trace {
  key: Buffer;
  rowId: string;
  digest: Buffer;
  state: Buffer;
}

/** By what a record is known again: a client by its id, a token by its secret. */
export function keyOf(record: ClientRecord | TokenRecord): Buffer {
  const name = record.type === 'client' ? record.id : (record.hash ?? record.digest);
  return createHash('sha256').update(`${record.type} ${name}`).digest();
}

/** The tokens and clients that imports have made. */
@Injectable()
export class ImportedRecordStore {
  /** @returns those with these keys, by the keys in hexadecimal */
  async find(tx: EntityManager, keys: Buffer[]): Promise<Map<string, Trace>> {
    const rows = await sql<Trace>(
      tx,
      'SELECT key, row_id AS "rowId", digest, state FROM imported_records WHERE key = ANY ($1::bytea[])',
      [keys],
    );
    return new Map(rows.map((trace) => [trace.key.toString('hex'), trace]));
  }

  async save(tx: EntityManager, traces: Trace[]): Promise<void> {
    if (traces.length === 0) return;
    await sql(
      tx,
      `INSERT INTO imported_records (key, row_id, digest, state)
       SELECT * FROM unnest($1::bytea[], $2::text[], $3::bytea[], $4::bytea[]) AS r (key, row_id, digest, state) ORDER BY key
       ON CONFLICT (key) DO UPDATE SET digest = excluded.digest, state = excluded.state, imported_at = now()
       RETURNING key`,
      [
        traces.map(({ key }) => key),
        traces.map(({ rowId }) => rowId),
        traces.map(({ digest }) => digest),
        traces.map(({ state }) => state),
      ],
    );
  }
}
