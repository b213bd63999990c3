import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { CONFIG, type Config } from '../config/config.js';
import { LookUps, wanted } from '../database/look-ups.js';
import { sql } from '../database/sql.js';
import { Statements, type PreparedStatement } from '../database/statements.service.js';
import type { RevocationTag } from '../revocations/revocation-tags.js';
import type { Verified } from '../revocations/verified-cache.js';
import {
  IS_GOOD_APP_TOKEN,
  IS_LIVE_TOKEN,
  LINEAGE,
  LINEAGE_CHECK,
  SCOPES_LEFT,
  TOKEN_WITH_OWNERS,
} from './good-token.js';
import { endOfLineage, tagsOfLineage } from './lineage.js';
import { Shared } from './shared.js';
import type { TokenKind } from './token-kinds.js';
import { ofKind } from './token-records.js';
import type { TokenGrant, VerifiedToken } from './verified-token.js';

interface FoundToken extends TokenGrant {
  id: string;
  /** In seconds since 1970. */
  issuedAt: number;
  /** The same; null: never. */
  expiresAt: number | null;
  isLineageGood: boolean;
  lineageTags: RevocationTag[] | null;
  expiresIn: number | null;
  /** In seconds. */
  age: number;
}

/**
 * The look-up of every check of a token: a join on the primary key for each account that must be enabled. Each token is looked up by
 * itself: of a join with all that is wanted, PostgreSQL might read whole tables.
 */
export const FIND_GOOD: PreparedStatement = {
  name: 'find good token',
  text: `
    SELECT found.*, w.place::int AS place FROM ${wanted({ digest: 'bytea', kind: 'text' })} CROSS JOIN LATERAL (
      SELECT t.id, t.kind, ${SCOPES_LEFT} AS scopes, t.networks, a.id AS "accountId", a.email, coalesce(a.role = 'admin', false) AS "isAdmin",
        a.credential_epoch AS "credentialEpoch", t.actor_id AS "actorId", b.credential_epoch AS "actorEpoch", b.email AS "actorEmail",
        t.gateway_account_id AS "gatewayAccountId", coalesce(t.payment_type, 'CARD') AS "paymentType",
        t.service_external_id AS "serviceExternalId", t.service_mode AS "serviceMode", t.client_id AS "clientId", t.resource,
        t.app_token_id AS "appTokenId", t.made_with AS "madeWith",
        ${LINEAGE_CHECK}, ${tagsOfLineage(LINEAGE)} AS "lineageTags",
        floor(extract(epoch FROM t.created_at))::float8 AS "issuedAt",
        floor(extract(epoch FROM least(t.expires_at, ${endOfLineage(LINEAGE)})))::float8 AS "expiresAt",
        extract(epoch FROM least(t.expires_at, ${endOfLineage(LINEAGE)}) - now())::float8 AS "expiresIn",
        extract(epoch FROM now() - t.created_at)::float8 AS age
      FROM ${TOKEN_WITH_OWNERS}
      WHERE t.digest = w.digest AND ${IS_LIVE_TOKEN} AND (w.kind IS NULL OR ${ofKind('t.kind', 'w.kind')})
      OFFSET 0
    ) found`,
};

/** Revoked tokens, for whoever shows one. */
const FIND_REVOKED: PreparedStatement = {
  name: 'find revoked token',
  text: `SELECT id FROM tokens WHERE digest = $1 AND revoked_at IS NOT NULL AND ${ofKind('kind')}`,
};

/** What tokens share, and what announces that it has ended or changed. */
interface Kept {
  grant: TokenGrant;
  tags: readonly RevocationTag[];
}

/** How many of them are known at most, to be shared. */
const MOST_SHARED = 10_000;

/** The token table as checks of presented tokens see it. */
@Injectable()
export class VerifiedTokenStore {
  private readonly good: LookUps<{ kind: TokenKind | null; digest: Buffer }, FoundToken>;
  private readonly shared: Shared<Kept>;
  /** Where a grant is the only one of its kind, it has words and ids in common with others. */
  private readonly texts: Shared<string>;

  constructor(
    private readonly statements: Statements,
    @Inject(CONFIG) { cacheSize }: Pick<Config, 'cacheSize'>,
  ) {
    const most = Math.min(cacheSize, MOST_SHARED);
    this.shared = new Shared(most);
    this.texts = new Shared(most);
    this.good = new LookUps(statements, FIND_GOOD, (asked) => [
      asked.map(({ digest }) => digest),
      asked.map(({ kind }) => kind),
    ]);
  }

  /**
   * Looks together for what is asked for at the same moment.
   *
   * @param kind null: any
   * @param oldestOf how many seconds old one of a kind may be; null: as old as it has become
   * @returns the token with this digest, if it is good
   */
  async findGood(
    kind: TokenKind | null,
    digest: Buffer,
    oldestOf: (kind: TokenKind) => number | null,
  ): Promise<Verified<VerifiedToken> | undefined> {
    const row = await this.good.find({ kind, digest });
    if (!row) return undefined;
    const { expiresIn, age, lineageTags } = row;
    if (!row.isLineageGood) return undefined;
    const oldest = oldestOf(row.kind);
    if (oldest !== null && age >= oldest) return undefined;
    const { id, issuedAt } = row;
    const { grant, tags } = this.keep(this.grantOf(row));
    const expiresAt = leastOf(row.expiresAt, oldest === null ? null : issuedAt + oldest);
    return {
      value: { id, grant, issuedAt, expiresAt },
      id,
      tags: lineageTags === null ? tags : [...tags, ...lineageTags],
      expiresIn: leastOf(expiresIn, oldest === null ? null : oldest - age),
    };
  }

  /** @returns what all tokens with the same grant share; the text of a grant has all its fields */
  private keep(grant: TokenGrant): Kept {
    return this.shared.of(JSON.stringify(grant), () => ({
      grant,
      tags: tagsOf(grant).map((tag) => this.text(tag)),
    }));
  }

  /** Written out, as a copy with `...` takes a kilobyte. */
  private grantOf(row: FoundToken): TokenGrant {
    return {
      kind: this.text(row.kind),
      scopes: Object.freeze(row.scopes),
      networks: row.networks,
      accountId: row.accountId,
      email: row.email,
      isAdmin: row.isAdmin,
      credentialEpoch: row.credentialEpoch,
      actorId: row.actorId,
      actorEpoch: row.actorEpoch,
      actorEmail: row.actorEmail,
      gatewayAccountId: row.gatewayAccountId,
      paymentType: this.text(row.paymentType),
      serviceExternalId: row.serviceExternalId,
      serviceMode: row.serviceMode,
      clientId: row.clientId,
      resource: row.resource,
      appTokenId: row.appTokenId && this.text(row.appTokenId),
      madeWith: row.madeWith,
    };
  }

  private text<Text extends string>(text: Text): Text {
    return this.texts.of(text, () => text) as Text;
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
}

/** Null: no limit. */
function leastOf(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.min(one, other);
}

/** Beside the token itself. */
function tagsOf({ kind, accountId, actorId, gatewayAccountId, clientId, appTokenId }: TokenGrant): RevocationTag[] {
  const tags: RevocationTag[] = [];
  if (accountId !== null) tags.push(`account ${accountId}`);
  if (actorId !== null) tags.push(`account ${actorId}`);
  if (gatewayAccountId !== null) tags.push(`gateway ${gatewayAccountId}`);
  if (clientId !== null) tags.push(`client ${clientId}`);
  // Whose end may be the end of what was got through it.
  if (kind === 'user' && appTokenId !== null) tags.push(`token ${appTokenId}`);
  return tags;
}
