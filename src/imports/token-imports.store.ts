import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { sql } from '../database/sql.js';
import { NO_HINT } from '../tokens/foreign-keys.js';
import { past } from './past.js';
import type { TokenRecord } from './records.js';

/** A token that has something of a record. */
export interface StoredToken {
  id: string;
  kind: string;
  /** In hexadecimal. */
  digest: string;
  hash: string | null;
  accountId: string | null;
  actorId: string | null;
  gatewayAccountId: string | null;
  isRevoked: boolean;
  /** See ImportedRecordEntity. */
  state: Buffer;
}

/** A token as it is written, with the ids of its accounts. */
export type TokenRow = TokenRecord & { id: string; accountId: string | null; actorId: string | null };

/** What of a token can be changed here. Not when it was last used, which changes by itself. */
const STATE = `sha256(convert_to(jsonb_build_array(t.description, t.name, extract(epoch FROM t.expires_at),
  t.revoked_at IS NOT NULL)::text, 'UTF8'))`;

const STORED = `
  t.id, t.kind, encode(t.digest, 'hex') AS digest, t.foreign_hash AS hash, t.account_id AS "accountId",
  t.actor_id AS "actorId", t.gateway_account_id AS "gatewayAccountId", t.revoked_at IS NOT NULL AS "isRevoked",
  ${STATE} AS state`;

const RECORDS = `json_to_recordset($1::json) AS r (id uuid, kind text, digest text, hash text, hint text, "isForeign" boolean,
  "accountId" uuid, "actorId" uuid, "madeWith" uuid[], "appToken" uuid, "gatewayAccountId" text, name text, scopes text[],
  networks text[], description text, "createdBy" text, source text, "paymentType" text, "serviceExternalId" text,
  "serviceMode" text, "createdAt" text, "expiresAt" text, "revokedAt" text, "lastUsedAt" text)`;

/** `$2` and `$3`: the lifetimes of App-Tokens and user tokens that have none of their own, in seconds. */
const INSERT = `
  INSERT INTO tokens (id, kind, digest, foreign_hash, hint, is_foreign, account_id, actor_id, made_with, app_token_id,
    gateway_account_id, name, scopes, networks, description, created_by, source, payment_type, service_external_id,
    service_mode, created_at, expires_at, revoked_at, last_used_at)
  SELECT r.id, r.kind, decode(r.digest, 'hex'), r.hash, r.hint, r."isForeign", r."accountId", r."actorId", r."madeWith",
    r."appToken", r."gatewayAccountId", r.name, coalesce(r.scopes, '{}'), r.networks::cidr[], r.description, r."createdBy",
    r.source, r."paymentType", r."serviceExternalId", r."serviceMode", coalesce(${past('r."createdAt"')}, now()),
    coalesce(r."expiresAt"::timestamptz,
      now() + CASE r.kind WHEN 'app' THEN $2::float8 WHEN 'user' THEN $3::float8 END * interval '1 second'),
    ${past('r."revokedAt"')}, ${past('r."lastUsedAt"')}
  FROM ${RECORDS} ORDER BY r.digest, r.id ON CONFLICT DO NOTHING RETURNING id`;

/** What was ended stays so. */
const UPDATE = `
  UPDATE tokens t SET name = coalesce(r.name, t.name), scopes = coalesce(r.scopes, t.scopes),
    networks = CASE WHEN r.scopes IS NULL THEN t.networks ELSE r.networks::cidr[] END,
    description = coalesce(r.description, t.description), created_by = coalesce(r."createdBy", t.created_by),
    source = coalesce(r.source, t.source), payment_type = coalesce(r."paymentType", t.payment_type),
    service_external_id = coalesce(r."serviceExternalId", t.service_external_id),
    service_mode = coalesce(r."serviceMode", t.service_mode), expires_at = coalesce(r."expiresAt"::timestamptz, t.expires_at),
    revoked_at = coalesce(t.revoked_at, ${past('r."revokedAt"')}),
    last_used_at = greatest(t.last_used_at, ${past('r."lastUsedAt"')})
  FROM ${RECORDS} WHERE t.id = r.id RETURNING t.id`;

/** What imports ask of the token table, for many records at once. */
@Injectable()
export class TokenImportStore {
  /** Locks the tokens with these ids or secrets that are there, by their ids. */
  find(tx: EntityManager, { ids, records }: { ids: string[]; records: TokenRecord[] }): Promise<StoredToken[]> {
    return sql<StoredToken>(
      tx,
      `SELECT ${STORED} FROM tokens t
       WHERE t.id IN (SELECT id FROM tokens WHERE id = ANY ($1::uuid[])
                      UNION SELECT id FROM tokens WHERE digest = ANY ($2::bytea[])
                      UNION SELECT id FROM tokens WHERE foreign_hash = ANY ($3::text[]))
       ORDER BY t.id FOR NO KEY UPDATE OF t`,
      [
        ids,
        records.flatMap(({ digest }) => (digest === undefined ? [] : [Buffer.from(digest, 'hex')])),
        records.flatMap(({ hash }) => (hash === undefined ? [] : [hash])),
      ],
    );
  }

  /** @returns how many live tokens accounts have, by {@link holderOf} */
  async countLive(tx: EntityManager, accounts: string[]): Promise<Map<string, number>> {
    if (accounts.length === 0) return new Map();
    const rows = await sql<Pick<TokenRow, 'kind' | 'accountId' | 'actorId'> & { count: number }>(
      tx,
      `SELECT kind, account_id AS "accountId", CASE WHEN kind = 'user' THEN actor_id END AS "actorId", count(*)::int AS count
       FROM tokens WHERE account_id = ANY ($1::uuid[]) AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
       GROUP BY 1, 2, 3`,
      [[...new Set(accounts)]],
    );
    return new Map(rows.map((row) => [holderOf(row), row.count]));
  }

  /** @returns the ids of those that were made; others have met what was made in the same moment */
  async insert(tx: EntityManager, rows: TokenRow[], lifetimes: { app: number; user: number }): Promise<Set<string>> {
    if (rows.length === 0) return new Set();
    const stored = rows.map((row) => ({
      ...row,
      hint: row.hash ? NO_HINT : row.hint,
      digest: row.digest ?? nobodys(),
    }));
    const made = await sql<{ id: string }>(tx, INSERT, [JSON.stringify(stored), lifetimes.app, lifetimes.user]);
    return new Set(made.map(({ id }) => id));
  }

  async update(tx: EntityManager, rows: TokenRow[]): Promise<void> {
    if (rows.length > 0) await sql(tx, UPDATE, [JSON.stringify(rows)]);
  }

  /** @returns the states of tokens, by their ids */
  async statesOf(tx: EntityManager, ids: string[]): Promise<Map<string, Buffer>> {
    if (ids.length === 0) return new Map();
    const rows = await sql<{ id: string; state: Buffer }>(
      tx,
      `SELECT t.id, ${STATE} AS state FROM tokens t WHERE t.id = ANY ($1::uuid[])`,
      [ids],
    );
    return new Map(rows.map(({ id, state }) => [id, state]));
  }
}

/** Of what no account can have too many. */
export const holderOf = ({ kind, accountId, actorId }: Pick<TokenRow, 'kind' | 'accountId' | 'actorId'>) =>
  `${kind} ${accountId ?? ''} ${kind === 'user' ? (actorId ?? '') : ''}`;

/** A digest of which nobody has the secret. */
const nobodys = () => randomBytes(32).toString('hex');
