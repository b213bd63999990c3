import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { sql } from '../database/sql.js';
import type { ClientSecretRecord } from './client-reading.js';
import { past } from './past.js';
import type { ClientRecord } from './records.js';

/** A client that has the id of a record. */
export interface StoredClient {
  id: string;
  /** See ImportedRecordEntity. */
  state: Buffer;
}

/** A client as it is written, with the id of its owner. */
export type ClientRow = ClientRecord & { accountId: string | null };

/** What of a client can be changed here. A secret may come to be stored as its digest, and stays the same. */
const STATE = `sha256(convert_to(jsonb_build_array(c.name, c.scopes, c.account_id,
  ARRAY(SELECT s.id FROM oauth_client_secrets s WHERE s.client_id = c.id ORDER BY s.id))::text, 'UTF8'))`;

const RECORDS = `json_to_recordset($1::json) AS r (id text, name text, scopes text[], "accountId" uuid, "createdAt" text)`;

const SECRETS = `json_to_recordset($1::json) AS r ("clientId" text, digest text, hash text, nobodys text, hint text,
  "createdAt" text, "lastUsedAt" text)`;

/** What imports ask of the tables of clients, for many records at once. */
@Injectable()
export class ClientImportStore {
  /** Locks the clients with these ids that are there, by their ids. */
  find(tx: EntityManager, ids: string[]): Promise<StoredClient[]> {
    return sql<StoredClient>(
      tx,
      `SELECT c.id, ${STATE} AS state FROM oauth_clients c WHERE c.id = ANY ($1::text[])
       ORDER BY c.id FOR NO KEY UPDATE OF c`,
      [ids],
    );
  }

  /** @returns the ids of those that were made; others have met what was made in the same moment */
  async insert(tx: EntityManager, rows: ClientRow[]): Promise<Set<string>> {
    if (rows.length === 0) return new Set();
    const made = await sql<{ id: string }>(
      tx,
      `INSERT INTO oauth_clients (id, name, scopes, account_id, created_at)
       SELECT r.id, r.name, r.scopes, r."accountId", coalesce(${past('r."createdAt"')}, now())
       FROM ${RECORDS} ORDER BY r.id ON CONFLICT DO NOTHING RETURNING id`,
      [JSON.stringify(rows)],
    );
    const ids = new Set(made.map(({ id }) => id));
    await this.addSecrets(
      tx,
      rows.filter(({ id }) => ids.has(id)),
    );
    return ids;
  }

  /** Writes what a record says, its secrets too; the caller has locked the client. */
  async update(tx: EntityManager, row: ClientRow): Promise<void> {
    await sql(
      tx,
      `UPDATE oauth_clients c SET name = r.name, scopes = r.scopes, account_id = r."accountId"
       FROM ${RECORDS} WHERE c.id = r.id RETURNING c.id`,
      [JSON.stringify([row])],
    );
    await sql(tx, 'DELETE FROM oauth_client_secrets WHERE client_id = $1 RETURNING id', [row.id]);
    await this.addSecrets(tx, [row]);
  }

  /** @returns the states of clients, by their ids */
  async statesOf(tx: EntityManager, ids: string[]): Promise<Map<string, Buffer>> {
    if (ids.length === 0) return new Map();
    const rows = await sql<StoredClient>(
      tx,
      `SELECT c.id, ${STATE} AS state FROM oauth_clients c WHERE c.id = ANY ($1::text[])`,
      [ids],
    );
    return new Map(rows.map(({ id, state }) => [id, state]));
  }

  private async addSecrets(tx: EntityManager, rows: ClientRow[]): Promise<void> {
    const secrets = rows.flatMap(({ id, secrets }) =>
      secrets.map((secret: ClientSecretRecord) => ({
        ...secret,
        clientId: id,
        nobodys: randomBytes(32).toString('hex'),
      })),
    );
    if (secrets.length === 0) return;
    await sql(
      tx,
      `INSERT INTO oauth_client_secrets (client_id, digest, foreign_hash, hint, created_at, last_used_at)
       SELECT r."clientId", decode(coalesce(r.digest, r.nobodys), 'hex'), r.hash, r.hint,
         coalesce(${past('r."createdAt"')}, now()), ${past('r."lastUsedAt"')}
       FROM ${SECRETS} RETURNING id`,
      [JSON.stringify(secrets)],
    );
  }
}
