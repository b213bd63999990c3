import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { keyset, where, type Cursor } from '../database/keyset.js';
import { sql } from '../database/sql.js';
import { endOfLineage } from './lineage.js';
import type { TokenKind } from './token-kinds.js';
import { named, recordOf, RECORD, type Owner, type TokenName, type TokenRecord } from './token-records.js';

export interface TokenListFilter {
  owner: Owner;
  appTokenId?: string | undefined;
}

const NEWEST_FIRST = keyset('created_at', 'id', 'DESC');

const SECONDS = `greatest($4::float8, 0) * interval '1 second'`;

/** Until when a token `t` may live, whoever extends its life; null: there is no limit. @param oldest how old it may become */
const latest = (oldest: string) =>
  `least(t.created_at + ${oldest}::float8 * interval '1 second', ${endOfLineage('t.made_with')})`;

/** The token table as its owners see it. Every change of state is one conditional statement. */
@Injectable()
export class TokenStore {
  constructor(private readonly manager: EntityManager) {}

  /** @returns the record, unless it has been revoked or has another owner */
  async find(name: TokenName, owner: Owner, manager = this.manager): Promise<TokenRecord | undefined> {
    const [row] = await sql<TokenRecord>(
      manager,
      `SELECT ${recordOf('tokens')} FROM tokens
       WHERE ${named(name)} AND revoked_at IS NULL AND ($3::uuid IS NULL OR account_id = $3)`,
      [name.value, name.kind, owner],
    );
    return row;
  }

  /** @returns the record of a token of any kind, also of one that has ended */
  async findAny(digest: Buffer): Promise<TokenRecord | undefined> {
    const [row] = await sql<TokenRecord>(this.manager, `SELECT ${recordOf('tokens')} FROM tokens WHERE digest = $1`, [
      digest,
    ]);
    return row;
  }

  /**
   * @param filter.appTokenId only what was got through this App-Token
   * @returns at most `limit` records after the cursor that are not revoked, newest first
   */
  list(
    kind: TokenKind,
    { owner, appTokenId }: TokenListFilter,
    limit: number,
    after: Cursor | undefined,
  ): Promise<(TokenRecord & Cursor)[]> {
    const values: unknown[] = [kind];
    const conditions = [
      'kind = $1',
      'revoked_at IS NULL',
      ...(owner === null ? [] : [`account_id = $${values.push(owner)}`]),
      ...(appTokenId === undefined ? [] : [`app_token_id = $${values.push(appTokenId)}`]),
      ...NEWEST_FIRST.behind(after, values),
    ];
    return sql<TokenRecord & Cursor>(
      this.manager,
      `SELECT ${recordOf('tokens')}, ${NEWEST_FIRST.micros} FROM tokens
       ${where(conditions)} ${NEWEST_FIRST.orderBy} LIMIT ${limit}`,
      values,
    );
  }

  /**
   * Sets when a token expires, but never past what it may live to: `oldest` seconds from its making, and the end of what it was
   * made with. What would only shorten its life is always done.
   *
   * @param seconds from now; zero or less: at once
   * @param mayNotLengthen the ids of tokens whose expiration cannot be extended
   * @returns the record; undefined when there is none, or its expiration cannot be extended so far
   */
  async changeExpiry(
    tx: EntityManager,
    name: TokenName,
    owner: Owner,
    { seconds, mayNotLengthen, oldest }: { seconds: number; mayNotLengthen: string[]; oldest: number | null },
  ): Promise<TokenRecord | undefined> {
    const [row] = await sql<TokenRecord>(
      tx,
      `UPDATE tokens t SET expires_at = now() + ${SECONDS}
       WHERE ${named(name)} AND revoked_at IS NULL AND ($3::uuid IS NULL OR account_id = $3)
         AND (expires_at >= now() + ${SECONDS} OR (id <> ALL ($5::uuid[])
           AND coalesce(now() + ${SECONDS} <= ${latest('$6')}, true)))
       RETURNING ${recordOf('t')}`,
      [name.value, name.kind, owner, seconds, mayNotLengthen, oldest],
    );
    return row;
  }

  /** @returns the record, unless it has been revoked or has another owner */
  async rename(tx: EntityManager, name: TokenName, owner: Owner, to: string | null): Promise<TokenRecord | undefined> {
    const [row] = await sql<TokenRecord>(
      tx,
      `UPDATE tokens t SET name = $4
       WHERE ${named(name)} AND revoked_at IS NULL AND ($3::uuid IS NULL OR account_id = $3) RETURNING ${recordOf('t')}`,
      [name.value, name.kind, owner, to],
    );
    return row;
  }

  /** @returns in how many seconds a token expires at the latest, whoever extends its life; null: there is no such limit */
  async longestLife(name: TokenName, owner: Owner, oldest: number | null): Promise<number | null> {
    const [row] = await sql<{ seconds: number | null }>(
      this.manager,
      `SELECT floor(greatest(extract(epoch FROM ${latest('$4')} - now()), 0))::float8 AS seconds FROM tokens t
       WHERE ${named(name)} AND ($3::uuid IS NULL OR account_id = $3)`,
      [name.value, name.kind, owner, oldest],
    );
    return row?.seconds ?? null;
  }

  /** @returns the record of the token that was deleted, if there was one */
  async remove(tx: EntityManager, name: TokenName, owner: Owner): Promise<TokenRecord | undefined> {
    const [row] = await sql<TokenRecord>(
      tx,
      `DELETE FROM tokens WHERE ${named(name)} AND revoked_at IS NULL AND ($3::uuid IS NULL OR account_id = $3)
       RETURNING ${RECORD}`,
      [name.value, name.kind, owner],
    );
    return row;
  }

  /**
   * Stores when tokens were last used, but for those whose rows are locked: nobody waits for that.
   *
   * @param uses how many seconds ago each was used
   * @returns the ids of those that were stored
   */
  async writeLastUsed(uses: Map<string, number>): Promise<string[]> {
    const rows = await sql<{ id: string }>(
      this.manager,
      `WITH used AS (
         SELECT t.id, now() - u.ago * interval '1 second' AS at
         FROM unnest($1::uuid[], $2::float8[]) AS u (id, ago) JOIN tokens t ON t.id = u.id
         ORDER BY t.id FOR NO KEY UPDATE OF t SKIP LOCKED
       )
       UPDATE tokens SET last_used_at = greatest(last_used_at, used.at) FROM used WHERE tokens.id = used.id
       RETURNING tokens.id`,
      [[...uses.keys()], [...uses.values()]],
    );
    return rows.map(({ id }) => id);
  }
}
