import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { longSql, sql } from '../database/sql.js';
import { keyset, where, type Cursor } from '../database/keyset.js';
import { isEnabledAdmin, isGoodClient } from '../tokens/good-client.js';
import { endOfLineage, isLineageGood, tagsOfLineage } from '../tokens/lineage.js';
import type { RevocationTag } from '../revocations/revocation-tags.js';

/** A client and its secrets as admins see them. */
export interface ClientRecord {
  id: string;
  name: string;
  scopes: string[];
  ownerId: string | null;
  /** Who made it while acting for the owner, and when it ends for that; null: nobody did. */
  actorId: string | null;
  expiresAt: Date | null;
  createdAt: Date;
  secrets: SecretRecord[];
}

export interface SecretRecord {
  id: string;
  hint: string | null;
  actor: string | null;
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
  /** What another service kept of it, until it is shown here; then there is no digest yet. */
  foreignHash: string | null;
  /** Of what the client or the secret was made with; null: nobody acted for somebody else. */
  lineageTags: RevocationTag[] | null;
  /** In seconds. */
  expiresIn: number | null;
}

/** Who makes a client or a secret while acting for somebody else, and the tokens with which they do. */
export interface Maker {
  actorId?: string;
  madeWith?: string[];
}

export interface ClientChange {
  name?: string;
  scopes?: string[];
  ownerId?: string;
}

/** A client before it is changed. */
export type LockedClient = Pick<ClientRecord, 'scopes' | 'ownerId'>;

/** With what a client or its secret was made while somebody acted for somebody else. */
const LINEAGE = '(s.made_with || c.made_with)';

/** A client has two secrets while one replaces the other. */
const MOST_SECRETS = 2;

const RECORD = `
  c.id, c.name, c.scopes, c.account_id AS "ownerId", c.actor_id AS "actorId", c.created_at AS "createdAt",
  coalesce(${endOfLineage('c.made_with')}, CASE WHEN c.made_with IS NOT NULL THEN c.created_at END) AS "expiresAt",
  (SELECT coalesce(json_agg(json_build_object('id', s.id, 'hint', s.hint, 'actor', s.actor_id, 'created_at', s.created_at,
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
      `SELECT c.id AS "clientId", c.scopes, c.account_id AS "ownerId", s.id AS "secretId", s.digest, s.foreign_hash AS "foreignHash",
         ${tagsOfLineage(LINEAGE)} AS "lineageTags",
         extract(epoch FROM ${endOfLineage(LINEAGE)} - now())::float8 AS "expiresIn"
       FROM oauth_clients c JOIN oauth_client_secrets s ON s.client_id = c.id
       WHERE c.id = $1 AND ${isGoodClient('c')} AND ${isLineageGood('s.made_with')}`,
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

  /** Stores the digest of a secret instead of what another service kept of it. */
  async renewSecret(
    { secretId, foreignHash }: ClientSecret,
    { digest, hint }: { digest: Buffer; hint: string },
  ): Promise<void> {
    await sql(
      this.manager,
      `UPDATE oauth_client_secrets SET digest = $3, hint = $4, foreign_hash = NULL
       WHERE id = $1 AND foreign_hash = $2 RETURNING id`,
      [secretId, foreignHash, digest, hint],
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
    { actorId, madeWith }: Maker,
  ): Promise<boolean> {
    const rows = await sql(
      tx,
      `INSERT INTO oauth_clients (id, name, scopes, account_id, actor_id, made_with) VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (id) DO NOTHING RETURNING id`,
      [client.id, client.name, client.scopes, client.ownerId ?? null, actorId ?? null, madeWith ?? null],
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
    { actorId, madeWith }: Maker,
  ): Promise<string | undefined> {
    const [row] = await sql<{ id: string }>(
      tx,
      `INSERT INTO oauth_client_secrets (client_id, digest, hint, actor_id, made_with)
       SELECT $1, $2, $3, $4::uuid, $5::uuid[] WHERE (SELECT count(*) FROM oauth_client_secrets WHERE client_id = $1) < ${MOST_SECRETS}
       RETURNING id`,
      [clientId, secret.digest, secret.hint, actorId ?? null, madeWith ?? null],
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

  async find(id: string, manager = this.manager): Promise<ClientRecord | undefined> {
    const [row] = await sql<ClientRecord>(manager, `SELECT ${RECORD} FROM oauth_clients c WHERE c.id = $1`, [id]);
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
