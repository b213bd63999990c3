import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { TOKEN_COUNT_LOCKS } from '../database/locks.js';
import { keyset, where, type Cursor } from '../database/keyset.js';
import { sql } from '../database/sql.js';
import { Statements, type PreparedStatement } from '../database/statements.service.js';
import type { RevocationTag } from '../revocations/revocations.service.js';
import type { Verified } from '../revocations/verified-cache.js';
import { isGoodClient } from './good-client.js';
import {
  IS_GOOD_APP_TOKEN,
  IS_LIVE_TOKEN,
  LINEAGE,
  LINEAGE_CHECK,
  SCOPES_LEFT,
  TOKEN_WITH_OWNERS,
} from './good-token.js';
import { endOfLineage, isLineageGood, tagsOfLineage } from './lineage.js';
import type { PaymentType, ServiceMode, TokenSource } from './gateway-tokens.js';
import type { TokenKind } from './token-kinds.js';

/** A token that was found good, and the accounts behind it. */
export interface VerifiedToken {
  id: string;
  kind: TokenKind;
  scopes: string[];
  /** Of an App-Token with the scope `client-address`: from where it may be used to pass one on. */
  networks: string[] | null;
  /** The account that owns it or, for a client's token, the client. */
  accountId: string | null;
  email: string | null;
  isAdmin: boolean;
  credentialEpoch: number | null;
  actorId: string | null;
  actorEpoch: number | null;
  gatewayAccountId: string | null;
  paymentType: PaymentType;
  serviceExternalId: string | null;
  serviceMode: ServiceMode | null;
  clientId: string | null;
  /** The resource server that a client's token is for (RFC 8707); null: Latchkey. */
  resource: string | null;
  /** The App-Token that it was got through; null: it is not known. */
  appTokenId: string | null;
  /** The tokens on behalf of others that it was made with; null: nobody acted for somebody else. */
  madeWith: string[] | null;
}

/** A token as its owner sees it. */
export interface TokenRecord {
  id: string;
  kind: TokenKind;
  hint: string;
  scopes: string[];
  networks: string[] | null;
  accountId: string | null;
  actorId: string | null;
  gatewayAccountId: string | null;
  clientId: string | null;
  /** Of an App-Token. */
  name: string | null;
  /** See {@link VerifiedToken}. */
  appTokenId: string | null;
  /** The name of that App-Token. Absent: it was not asked for. */
  appTokenName?: string | null;
  description: string | null;
  createdBy: string | null;
  source: TokenSource;
  paymentType: PaymentType;
  serviceExternalId: string | null;
  serviceMode: ServiceMode | null;
  createdAt: Date;
  expiresAt: Date | null;
  revokedAt: Date | null;
  lastUsedAt: Date | null;
}

/** A new token as it is stored. */
export interface NewToken {
  kind: TokenKind;
  digest: Buffer;
  hint: string;
  scopes: string[];
  networks: string[] | null;
  accountId: string | null;
  actorId: string | null;
  gatewayAccountId: string | null;
  name: string | null;
  appTokenId: string | null;
  description: string | null;
  createdBy: string | null;
  source: TokenSource | null;
  paymentType: PaymentType | null;
  serviceExternalId: string | null;
  serviceMode: ServiceMode | null;
  /** See {@link VerifiedToken}. It ends at the latest when one of these does. */
  madeWith: string[] | null;
  /** Seconds from now; zero or less: expired from the start; null: it does not expire. */
  lifetime: number | null;
  /** When it expires, if that is sooner; null: the lifetime alone decides. */
  expiresAt: Date | null;
}

/** What a client asks an access token for. */
export interface Grant {
  /** Absent: all that it has. */
  scopes?: string[] | undefined;
  /** See {@link VerifiedToken}. */
  resource?: string | undefined;
}

/** What a token is found by. */
export interface TokenName {
  kind: TokenKind;
  by: 'id' | 'digest';
  value: string | Buffer;
}

/** The account whose tokens are meant; null: everybody's. */
export type Owner = string | null;

export interface TokenListFilter {
  owner: Owner;
  appTokenId?: string | undefined;
}

/** The columns of a {@link TokenRecord}. */
export const RECORD = `
  id, kind, hint, scopes, networks, account_id AS "accountId", actor_id AS "actorId", gateway_account_id AS "gatewayAccountId",
  client_id AS "clientId", name, app_token_id AS "appTokenId", description, created_by AS "createdBy",
  coalesce(source, 'API') AS source, coalesce(payment_type, 'CARD') AS "paymentType",
  service_external_id AS "serviceExternalId", service_mode AS "serviceMode", created_at AS "createdAt",
  expires_at AS "expiresAt", revoked_at AS "revokedAt", last_used_at AS "lastUsedAt"`;

/** The columns of a {@link TokenRecord}, with the name of the App-Token. @param tokens the table, or its alias */
const recordOf = (tokens: string) =>
  `${RECORD}, (SELECT app.name FROM tokens app WHERE app.id = ${tokens}.app_token_id) AS "appTokenName"`;

const NEWEST_FIRST = keyset('created_at', 'id', 'DESC');

const LIVE = 'revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())';

/** How many user tokens a new one ends at most, such as when fewer are allowed than before. */
const MOST_ENDED = 10;

/**
 * The condition that a token, found by something unique, is of the kind `$2`. An expression, so that no index serves
 * it: before a table's first ANALYZE, PostgreSQL would prefer the index for lists, which begins with the kind.
 */
const ofKind = (column: string) => `${column} || '' = $2`;

interface FoundToken extends VerifiedToken {
  isLineageGood: boolean;
  lineageTags: RevocationTag[] | null;
  expiresIn: number | null;
  /** In seconds. */
  age: number;
}

/** The look-up of every check of a token: a join on the primary key for each account that must be enabled. */
export const FIND_GOOD: PreparedStatement = {
  name: 'find good token',
  text: `
    SELECT t.id, t.kind, ${SCOPES_LEFT} AS scopes, t.networks, a.id AS "accountId", a.email, coalesce(a.role = 'admin', false) AS "isAdmin",
      a.credential_epoch AS "credentialEpoch", t.actor_id AS "actorId", b.credential_epoch AS "actorEpoch",
      t.gateway_account_id AS "gatewayAccountId", coalesce(t.payment_type, 'CARD') AS "paymentType",
      t.service_external_id AS "serviceExternalId", t.service_mode AS "serviceMode", t.client_id AS "clientId", t.resource,
      t.app_token_id AS "appTokenId", t.made_with AS "madeWith",
      ${LINEAGE_CHECK}, ${tagsOfLineage(LINEAGE)} AS "lineageTags",
      extract(epoch FROM least(t.expires_at, ${endOfLineage(LINEAGE)}) - now())::float8 AS "expiresIn",
      extract(epoch FROM now() - t.created_at)::float8 AS age
    FROM ${TOKEN_WITH_OWNERS} WHERE t.digest = $1 AND ${IS_LIVE_TOKEN} AND ${ofKind('t.kind')}`,
};

/** Revoked tokens, for whoever shows one. */
const FIND_REVOKED: PreparedStatement = {
  name: 'find revoked token',
  text: `SELECT id FROM tokens WHERE digest = $1 AND revoked_at IS NOT NULL AND ${ofKind('kind')}`,
};

const INSERT = `
  INSERT INTO tokens (kind, digest, hint, account_id, gateway_account_id, description, created_by, name, app_token_id,
    source, payment_type, service_external_id, service_mode, expires_at, actor_id, made_with, scopes, client_id,
    client_epoch, networks, resource)`;

/** What an {@link INSERT} has of `$1` to `$15`: all but scopes and what depends on a client. */
const valuesWith = ({ actor, lineage }: { actor: string; lineage: string }) => `
  $1::text, $2::bytea, $3::text, $4::uuid, $5::text, $6::text, $7::text, $8::text, $9::uuid, $10::text, $11::text,
  $12::text, $13::text,
  least(now() + $14::float8 * interval '1 second', $15::timestamptz, ${endOfLineage(lineage)}), ${actor}, ${lineage}`;

const valuesOf = (token: NewToken) => [
  token.kind,
  token.digest,
  token.hint,
  token.accountId,
  token.gatewayAccountId,
  token.description,
  token.createdBy,
  token.name,
  token.appTokenId,
  token.source,
  token.paymentType,
  token.serviceExternalId,
  token.serviceMode,
  // PostgreSQL's greatest(NULL, 0) is 0.
  token.lifetime && Math.max(token.lifetime, 0),
  token.expiresAt,
];

const SECONDS = `greatest($4::float8, 0) * interval '1 second'`;

/** Until when a token `t` may live, whoever extends its life; null: there is no limit. @param oldest how old it may become */
const latest = (oldest: string) =>
  `least(t.created_at + ${oldest}::float8 * interval '1 second', ${endOfLineage('t.made_with')})`;

/** The lineage of what an App-Token `t` makes. */
const OF_APP = '(CASE WHEN t.made_with IS NOT NULL THEN t.made_with || t.id END)';

/** The token table. Every change of state is one conditional statement. */
@Injectable()
export class TokenStore {
  constructor(
    private readonly statements: Statements,
    private readonly manager: EntityManager,
  ) {}

  /**
   * @param oldest how many seconds old it may be; null: as old as it has become
   * @returns the token with this digest, if it is good
   */
  async findGood(kind: TokenKind, digest: Buffer, oldest: number | null): Promise<Verified<VerifiedToken> | undefined> {
    const [row] = await this.statements.run<FoundToken>(FIND_GOOD, [digest, kind]);
    if (!row) return undefined;
    const { isLineageGood, expiresIn, age, lineageTags, ...value } = row;
    if (!isLineageGood) return undefined;
    const tags = [...tagsOf(value), ...(lineageTags ?? [])];
    if (oldest === null) return { value, tags, expiresIn };
    return age < oldest ? { value, tags, expiresIn: Math.min(expiresIn ?? Infinity, oldest - age) } : undefined;
  }

  /** @returns the id of the token with this digest, if it has been revoked */
  async findRevoked(kind: TokenKind, digest: Buffer): Promise<string | undefined> {
    const [row] = await this.statements.run<{ id: string }>(FIND_REVOKED, [digest, kind]);
    return row?.id;
  }

  /** @returns whether any App-Token is good, without which nobody can log in with the headers */
  async hasGoodAppToken(tx: EntityManager): Promise<boolean> {
    const rows = await sql(
      tx,
      `SELECT t.id FROM ${TOKEN_WITH_OWNERS} WHERE t.kind = 'app' AND ${IS_GOOD_APP_TOKEN} LIMIT 1`,
    );
    return rows.length > 0;
  }

  /** @returns the new token's record */
  async insert(tx: EntityManager, token: NewToken): Promise<TokenRecord> {
    const [row] = await sql<TokenRecord>(
      tx,
      `${INSERT} SELECT ${valuesWith({ actor: '$16::uuid', lineage: '$17::uuid[]' })}, $18::text[], NULL, NULL,
         $19::cidr[], NULL
       RETURNING ${RECORD}`,
      [...valuesOf(token), token.actorId, token.madeWith, token.scopes, token.networks],
    );
    if (!row) throw new Error('The new token was not returned.');
    return row;
  }

  /**
   * Makes those who make tokens of this kind for an account take turns, until the transaction ends.
   *
   * @returns whether it has fewer live ones than `most`
   */
  async hasRoom(tx: EntityManager, kind: TokenKind, accountId: string, most: number): Promise<boolean> {
    await sql(tx, 'SELECT pg_advisory_xact_lock($1, hashtext($2))', [TOKEN_COUNT_LOCKS, `${kind} ${accountId}`]);
    const rows = await sql(tx, `SELECT FROM tokens WHERE account_id = $1 AND kind = $2 AND ${LIVE} OFFSET $3 LIMIT 1`, [
      accountId,
      kind,
      most - 1,
    ]);
    return rows.length === 0;
  }

  /**
   * Revokes those user tokens of an account, of one actor or of none, which were used the longest time ago, if there are
   * too many. Of tokens that are made at once, none sees the others: the next one ends those too.
   *
   * @returns their ids
   */
  async endExcess(tx: EntityManager, accountId: string, actorId: string | null, most: number): Promise<string[]> {
    const rows = await sql<{ id: string }>(
      tx,
      `UPDATE tokens SET revoked_at = now() WHERE id IN (
         SELECT id FROM tokens WHERE id IN (
           SELECT id FROM tokens
           WHERE account_id = $1 AND kind = 'user' AND actor_id IS NOT DISTINCT FROM $2::uuid AND ${LIVE}
           ORDER BY coalesce(last_used_at, created_at) DESC, id OFFSET $3 LIMIT ${MOST_ENDED})
         FOR UPDATE SKIP LOCKED)
       RETURNING id`,
      [accountId, actorId, most],
    );
    return rows.map(({ id }) => id);
  }

  /**
   * Whatever an App-Token makes that was itself made on behalf of somebody is of the same actor, and ends with it.
   *
   * @returns the new token's record; undefined when the App-Token that it is made with is no longer good
   */
  async insertByApp(tx: EntityManager, token: NewToken, appTokenId: string): Promise<TokenRecord | undefined> {
    const [row] = await sql<TokenRecord>(
      tx,
      `${INSERT} SELECT ${valuesWith({ actor: 't.actor_id', lineage: OF_APP })}, $16::text[], NULL, NULL, NULL, NULL
       FROM ${TOKEN_WITH_OWNERS} WHERE t.id = $17 AND ${IS_GOOD_APP_TOKEN} RETURNING ${RECORD}`,
      [...valuesOf(token), token.scopes, appTokenId],
    );
    return row;
  }

  /**
   * Inserts a client's token at the client's current epoch. Takes no lock beyond that of the foreign key, as a client
   * issues many tokens at once: a change of the client that overtakes this statement raises the epoch, so that the
   * token is refused.
   * @param secretId the secret that the client presented
   * @param scopes undefined: all scopes of the client
   * @param resource see {@link VerifiedToken}
   * @returns undefined when the client or the secret is no longer good, or the client does not have all scopes
   */
  async insertForClient(
    tx: EntityManager,
    token: NewToken,
    { clientId, secretId, scopes, resource }: Grant & { clientId: string; secretId: string },
  ): Promise<TokenRecord | undefined> {
    const [row] = await sql<TokenRecord>(
      tx,
      `${INSERT} SELECT ${valuesWith({ actor: 'NULL::uuid', lineage: '(s.made_with || c.made_with)' })},
         coalesce($16, c.scopes), c.id, c.epoch, NULL, $19::text
       FROM oauth_clients c JOIN oauth_client_secrets s ON s.client_id = c.id AND s.id = $18
       WHERE c.id = $17 AND ($16::text[] IS NULL OR $16 <@ c.scopes) AND ${isGoodClient('c')}
         AND ${isLineageGood('s.made_with')}
       RETURNING ${RECORD}`,
      [...valuesOf(token), scopes ?? null, clientId, secretId, resource ?? null],
    );
    return row;
  }

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

  /** Stores when tokens were last used. Skips locked rows, as the next use stores a newer time.
   *
   * @param uses how many seconds ago each was used
   */
  async writeLastUsed(uses: Map<string, number>): Promise<void> {
    await sql(
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
  }
}

/** The statement that revokes all tokens with a condition. Locks them by id, as everybody does. */
export const revoking = (condition: string) => `
  WITH live AS (SELECT id FROM tokens WHERE ${condition} ORDER BY id FOR UPDATE)
  UPDATE tokens SET revoked_at = now() FROM live WHERE tokens.id = live.id`;

/** The condition that `$1` and `$2` name a token. */
export function named(name: TokenName): string {
  return `${name.by} = $1 AND ${ofKind('kind')}`;
}

function tagsOf({
  id,
  kind,
  accountId,
  actorId,
  gatewayAccountId,
  clientId,
  appTokenId,
}: VerifiedToken): RevocationTag[] {
  const tags: RevocationTag[] = [`token ${id}`];
  if (accountId !== null) tags.push(`account ${accountId}`);
  if (actorId !== null) tags.push(`account ${actorId}`);
  if (gatewayAccountId !== null) tags.push(`gateway ${gatewayAccountId}`);
  if (clientId !== null) tags.push(`client ${clientId}`);
  // Whose end may be the end of what was got through it.
  if (kind === 'user' && appTokenId !== null) tags.push(`token ${appTokenId}`);
  return tags;
}
