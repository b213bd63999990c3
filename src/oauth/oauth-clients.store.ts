import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { longSql, sql } from '../database/sql.js';
import { keyset, where, type Cursor } from '../database/keyset.js';
import { isEnabledAdmin, isGoodClient } from '../tokens/good-client.js';

/** A client and its secrets as admins see them. */
export interface ClientRecord {
  id: string;
  name: string;
  scopes: string[];
  ownerId: string | null;
  createdAt: Date;
  secrets: SecretRecord[];
}

export interface SecretRecord {
  id: string;
  hint: string | null;
  created_at: string;
  last_used_at: string | null;
}

/** A client, its owner, and one of its secrets. */
export interface ClientSecret {
  clientId: string;
  scopes: string[];
  ownerId: string | null;
  secretId: string;
  digest: Buffer;
}

export interface ClientChange {
  name?: string;
  scopes?: string[];
  ownerId?: string;
}

/** A client before it is changed. */
export type LockedClient = Pick<ClientRecord, 'scopes' | 'ownerId'>;

/** A client has two secrets while one replaces the other. */
const MOST_SECRETS = 2;

const RECORD = `
  c.id, c.name, c.scopes, c.account_id AS "ownerId", c.created_at AS "createdAt",
  (SELECT coalesce(json_agg(json_build_object('id', s.id, 'hint', s.hint, 'created_at', s.created_at,
      'last_used_at', s.last_used_at) ORDER BY s.created_at, s.id), '[]')
   FROM oauth_client_secrets s WHERE s.client_id = c.id) AS secrets`;

const NEWEST_FIRST = keyset('c.created_at', 'c.id', 'DESC');

/** The tables of OAuth2 clients and of their secrets. */
@Injectable()
export class OauthClientStore {
  constructor(private readonly manager: EntityManager) {}

  /** @returns the secrets of a client that is good */
  secretsOf(clientId: string): Promise<ClientSecret[]> {
    return sql<ClientSecret>(
      this.manager,
      `SELECT c.id AS "clientId", c.scopes, c.account_id AS "ownerId", s.id AS "secretId", s.digest
       FROM oauth_clients c JOIN oauth_client_secrets s ON s.client_id = c.id
       WHERE c.id = $1 AND ${isGoodClient('c')}`,
      [clientId],
    );
  }

  async exists(clientId: string): Promise<boolean> {
    return (await sql(this.manager, 'SELECT id FROM oauth_clients WHERE id = $1', [clientId])).length > 0;
  }

  /** Stores when a secret was used, at most once a minute. */
  async noteUse(secretId: string): Promise<void> {
    await sql(
      this.manager,
      `UPDATE oauth_client_secrets SET last_used_at = now()
       WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')`,
      [secretId],
    );
  }

  /** @returns the scopes of a client that is good and has the secret */
  async scopesOf(clientId: string, secretId: string): Promise<string[] | undefined> {
    const clients = await this.secretsOf(clientId);
    return clients.find((client) => client.secretId === secretId)?.scopes;
  }

  /** @returns false if there is a client with this id already */
  async insert(
    tx: EntityManager,
    client: { id: string; name: string; scopes: string[]; ownerId?: string },
  ): Promise<boolean> {
    const rows = await sql(
      tx,
      `INSERT INTO oauth_clients (id, name, scopes, account_id) VALUES ($1, $2, $3, $4)
       ON CONFLICT (id) DO NOTHING RETURNING id`,
      [client.id, client.name, client.scopes, client.ownerId ?? null],
    );
    return rows.length === 1;
  }

  /**
   * @returns the id of the new secret; undefined if the client has two already. The caller holds a lock on the client.
   */
  async addSecret(
    tx: EntityManager,
    clientId: string,
    secret: { digest: Buffer; hint: string },
  ): Promise<string | undefined> {
    const [row] = await sql<{ id: string }>(
      tx,
      `INSERT INTO oauth_client_secrets (client_id, digest, hint)
       SELECT $1, $2, $3 WHERE (SELECT count(*) FROM oauth_client_secrets WHERE client_id = $1) < ${MOST_SECRETS}
       RETURNING id`,
      [clientId, secret.digest, secret.hint],
    );
    return row?.id;
  }

  /** @returns whether there was such a secret */
  async removeSecret(tx: EntityManager, clientId: string, secretId: string): Promise<boolean> {
    const rows = await sql(tx, 'DELETE FROM oauth_client_secrets WHERE id = $2 AND client_id = $1 RETURNING id', [
      clientId,
      secretId,
    ]);
    return rows.length === 1;
  }

  /** Locks a client until the transaction ends. @returns undefined when there is no such client */
  async lock(tx: EntityManager, clientId: string): Promise<LockedClient | undefined> {
    const [row] = await sql<LockedClient>(
      tx,
      'SELECT scopes, account_id AS "ownerId" FROM oauth_clients WHERE id = $1 FOR NO KEY UPDATE',
      [clientId],
    );
    return row;
  }

  /** The caller holds a lock on the client, and on its new owner. */
  async update(tx: EntityManager, id: string, { name, scopes, ownerId }: ClientChange): Promise<void> {
    await sql(
      tx,
      `UPDATE oauth_clients SET name = coalesce($2, name), scopes = coalesce($3, scopes),
         account_id = coalesce($4, account_id)
       WHERE id = $1`,
      [id, name ?? null, scopes ?? null, ownerId ?? null],
    );
  }

  /** Locks an account until the transaction ends. @returns whether it is an enabled admin */
  async holdAdmin(tx: EntityManager, id: string): Promise<boolean> {
    const rows = await sql(tx, `SELECT id FROM accounts a WHERE id = $1 AND ${isEnabledAdmin('a')} FOR SHARE`, [id]);
    return rows.length === 1;
  }

  async remove(tx: EntityManager, id: string): Promise<boolean> {
    // Cascades to its tokens and identifications, which may be many.
    return (await longSql(tx, 'DELETE FROM oauth_clients WHERE id = $1 RETURNING id', [id])).length === 1;
  }

  async find(id: string): Promise<ClientRecord | undefined> {
    const [row] = await sql<ClientRecord>(this.manager, `SELECT ${RECORD} FROM oauth_clients c WHERE c.id = $1`, [id]);
    return row;
  }

  /** @returns at most `limit` clients after the cursor, newest first */
  list(limit: number, after: Cursor | undefined): Promise<(ClientRecord & Cursor)[]> {
    const values: unknown[] = [];
    return sql<ClientRecord & Cursor>(
      this.manager,
      `SELECT ${RECORD}, ${NEWEST_FIRST.micros} FROM oauth_clients c
       ${where(NEWEST_FIRST.behind(after, values))} ${NEWEST_FIRST.orderBy} LIMIT ${limit}`,
      values,
    );
  }
}
