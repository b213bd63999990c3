import { Injectable } from '@nestjs/common';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { EntityManager } from 'typeorm';
import { sql } from '../database/sql.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { isUuid } from '../http/validation.js';
import { SecretKeys } from '../keys/secret-keys.js';
import { SigningKeys } from '../keys/signing-keys.service.js';
import { SessionChecks } from '../sessions/session-checks.service.js';
import { SessionTokens } from '../sessions/session-tokens.service.js';
import { digestOf } from '../tokens/digest.js';
import { TOKEN_KINDS } from '../tokens/token-kinds.js';
import type { TokenRecord } from '../tokens/token-records.js';
import { Tokens } from '../tokens/tokens.service.js';

/** What a string may be. */
type InspectedKind =
  | 'App-Token'
  | 'user token'
  | 'API token'
  | 'access token'
  | 'session JWT'
  | 'refresh token'
  | 'reset link'
  | 'email link'
  | 'client secret';

/** What a string is. */
export interface Inspection {
  /** Null: none of ours. */
  kind: InspectedKind | null;
  /** `good`: it is accepted; `refused`: it is not, although it has neither been revoked nor expired. */
  state: 'good' | 'revoked' | 'expired' | 'used' | 'refused' | 'unknown';
  /** Of the token, the session, the link or the secret. */
  id?: string | null;
  account?: string | null;
  email?: string | null;
  client?: string | null;
  gateway_account?: string | null;
  actor?: string | null;
  scopes?: string[];
  created_at?: Date | null;
  expires_at?: Date | null;
  revoked_at?: Date | null;
  last_used_at?: Date | null;
  /** Why, in a sentence, where the rest does not say it. */
  note?: string;
}

const KINDS = { app: 'App-Token', user: 'user token', api: 'API token', oauth: 'access token' } as const;

/** What is known of what a string belongs to. */
interface Row {
  id: string;
  account: string | null;
  email: string | null;
  created_at: Date;
  expires_at: Date | null;
  ended_at: Date | null;
  last_used_at: Date | null;
  disabled: boolean;
  is_expired: boolean;
}

const NONE_OF_OURS: Inspection = { kind: null, state: 'unknown' };

/** Says what a string is that somebody has found. It uses nothing up, but counts as a look at what it is. */
@Injectable()
export class TokenInspection {
  constructor(
    private readonly manager: EntityManager,
    private readonly tokens: Tokens,
    private readonly sessions: SessionChecks,
    private readonly sessionTokens: SessionTokens,
    private readonly secretKeys: SecretKeys,
    private readonly signingKeys: SigningKeys,
    private readonly audit: AuditLog,
  ) {}

  async inspect(text: string): Promise<Inspection> {
    const found =
      (await this.opaque(text)) ??
      (await this.sessionJwt(text)) ??
      (await this.refreshToken(text)) ??
      (await this.link(text)) ??
      (await this.clientSecret(text)) ??
      likeOurs(text);
    const { kind, state, id } = found;
    await this.audit.recordAlone({
      kind: 'token.inspected',
      ...(id != null && { subject: id }),
      details: { kind, state },
    });
    return found;
  }

  private async opaque(text: string): Promise<Inspection | undefined> {
    const good = await this.tokens.introspect(text);
    const record = await this.tokens.findAny(text);
    if (!record) return undefined;
    const [owner] = await sql<{ email: string | null }>(this.manager, 'SELECT email FROM accounts WHERE id = $1', [
      record.accountId,
    ]);
    return {
      ...(good ? { state: 'good' } : await this.refusalOf(record)),
      kind: KINDS[record.kind],
      id: record.id,
      account: record.accountId,
      email: owner?.email ?? null,
      client: record.clientId,
      gateway_account: record.gatewayAccountId,
      actor: record.actorId,
      scopes: record.scopes,
      created_at: record.createdAt,
      expires_at: record.expiresAt,
      revoked_at: record.revokedAt,
      last_used_at: record.lastUsedAt,
    };
  }

  private async refusalOf({ revokedAt, expiresAt }: TokenRecord): Promise<Pick<Inspection, 'state' | 'note'>> {
    if (revokedAt) return { state: 'revoked' };
    if (expiresAt && expiresAt <= (await this.now())) return { state: 'expired' };
    return {
      state: 'refused',
      note: 'Its owner is disabled or no longer an admin, its client was revoked, or the credential that created it has ended.',
    };
  }

  private async sessionJwt(text: string): Promise<Inspection | undefined> {
    const [header, claims] = partsOf(text);
    if (!header || !claims) return undefined;
    const good = await this.sessions.ofToken(text);
    const isOurKey = typeof header.kid === 'string' && (await this.signingKeys.find(header.kid)) !== undefined;
    const row = isUuid(claims.sid) ? await this.session(claims.sid) : undefined;
    const view = row && { id: row.id, account: row.account, email: row.email, created_at: row.created_at };
    if (good) return { kind: 'session JWT', state: 'good', ...view, expires_at: dateOf(claims.exp), ...usesOf(row) };
    if (!isOurKey) {
      return {
        ...NONE_OF_OURS,
        note: `A JWT of ${JSON.stringify(claims.iss ?? null)}, signed with a key that is not stored here.`,
      };
    }
    const isExpired = Number(claims.exp) * 1_000 <= (await this.now()).getTime();
    const state = row?.ended_at ? 'revoked' : isExpired ? 'expired' : 'refused';
    const note =
      'It names a key of this installation. Either its signature is not genuine, or its session, account or issuer is not valid.';
    return {
      kind: 'session JWT',
      state,
      ...view,
      expires_at: dateOf(claims.exp),
      ...usesOf(row),
      ...(state === 'refused' && { note }),
    };
  }

  private async refreshToken(text: string): Promise<Inspection | undefined> {
    const read = this.sessionTokens.readRefreshToken(text);
    if (!read) return undefined;
    const row = await this.session(read.id);
    if (!row) return { kind: 'refresh token', state: 'expired', id: read.id, note: 'Its session is no longer stored.' };
    const [current] = await sql<{ is: boolean }>(
      this.manager,
      'SELECT refresh_counter <= $2 AND coalesce(refresh_expires_at > now(), false) AS is FROM sessions WHERE id = $1',
      [read.id, read.counter],
    );
    const state = stateOf(row);
    return { kind: 'refresh token', ...viewOf(row), state: state === 'good' && !current?.is ? 'used' : state };
  }

  private session(id: string): Promise<Row | undefined> {
    return this.row(
      `SELECT s.id, s.account_id AS account, a.email, s.created_at, s.expires_at, s.revoked_at AS ended_at, s.last_used_at,
         a.disabled_at IS NOT NULL AS disabled, s.expires_at <= now() AS is_expired
       FROM sessions s JOIN accounts a ON a.id = s.account_id WHERE s.id = $1`,
      id,
    );
  }

  private async link(text: string): Promise<Inspection | undefined> {
    const token = text.replace(/^.*#token=/, '');
    const reset = this.secretKeys.verify('password-reset', token);
    if (reset !== undefined)
      return linkOf('reset link', reset, await this.row(LINK('password_resets', 'account_id'), reset));
    for (const purpose of ['email-verification', 'email-undo'] as const) {
      const id = this.secretKeys.verify(purpose, token);
      if (id !== undefined) return linkOf('email link', id, await this.row(LINK('email_links', 'account_id'), id));
    }
    return undefined;
  }

  private async clientSecret(text: string): Promise<Inspection | undefined> {
    const [row] = await sql<{
      id: string;
      client: string;
      created_at: Date;
      last_used_at: Date | null;
      account: string | null;
      good: boolean;
    }>(
      this.manager,
      `SELECT s.id, s.client_id AS client, s.created_at, s.last_used_at, c.account_id AS account,
         c.account_id IS NULL OR EXISTS (SELECT FROM accounts a
           WHERE a.id = c.account_id AND a.disabled_at IS NULL AND a.role = 'admin') AS good
       FROM oauth_client_secrets s JOIN oauth_clients c ON c.id = s.client_id WHERE s.digest = $1 LIMIT 1`,
      [digestOf(text)],
    );
    if (!row) return undefined;
    const { good, ...view } = row;
    return {
      kind: 'client secret',
      state: good ? 'good' : 'refused',
      ...view,
      ...(!good && { note: 'The owner of its client is not an enabled admin.' }),
    };
  }

  private async row(statement: string, id: string): Promise<Row | undefined> {
    if (!isUuid(id)) return undefined;
    const [row] = await sql<Row>(this.manager, statement, [id]);
    return row;
  }

  private async now(): Promise<Date> {
    const [row] = await sql<{ now: Date }>(this.manager, 'SELECT now() AS now');
    return row?.now ?? new Date();
  }
}

const LINK = (links: string, account: string) => `
  SELECT l.id, l.${account} AS account, a.email, l.created_at, l.expires_at, l.ended_at, NULL::timestamptz AS last_used_at,
    coalesce(a.disabled_at IS NOT NULL, false) AS disabled, l.expires_at <= now() AS is_expired
  FROM ${links} l LEFT JOIN accounts a ON a.id = l.${account} WHERE l.id = $1`;

function linkOf(kind: InspectedKind, id: string, row: Row | undefined): Inspection {
  if (!row) return { kind, state: 'expired', id, note: 'It is no longer stored.' };
  const state = stateOf(row);
  return { kind, ...viewOf(row), state: state === 'revoked' ? 'used' : state };
}

const stateOf = ({ ended_at, is_expired, disabled }: Row): Inspection['state'] =>
  ended_at ? 'revoked' : is_expired ? 'expired' : disabled ? 'refused' : 'good';

const viewOf = (row: Row): Omit<Inspection, 'kind'> => ({
  state: stateOf(row),
  id: row.id,
  account: row.account,
  email: row.email,
  created_at: row.created_at,
  expires_at: row.expires_at,
  revoked_at: row.ended_at,
  last_used_at: row.last_used_at,
});

const usesOf = (row: Row | undefined) => row && { revoked_at: row.ended_at, last_used_at: row.last_used_at };

const dateOf = (seconds: unknown) => (typeof seconds === 'number' ? new Date(seconds * 1_000) : null);

function partsOf(text: string): [header?: Record<string, unknown>, claims?: Record<string, unknown>] {
  if (text.split('.').length !== 3) return [];
  try {
    return [decodeProtectedHeader(text), decodeJwt(text)];
  } catch {
    return [];
  }
}

/** What is stored nowhere may still have the form of what Latchkey makes. */
function likeOurs(text: string): Inspection {
  if (TOKEN_KINDS.api.format.recognises(text)) {
    return { ...NONE_OF_OURS, note: 'It looks like an API token: from another installation, or no longer stored.' };
  }
  if (TOKEN_KINDS.app.format.recognises(text)) {
    return {
      ...NONE_OF_OURS,
      note: 'It looks like a token: from another installation, no longer stored, or something else.',
    };
  }
  if (/\.[0-9a-f]{8}\.[\w-]{43}$/.test(text)) {
    return {
      ...NONE_OF_OURS,
      note: 'It looks like a refresh token or a link, made with a SECRET_KEY that is not configured.',
    };
  }
  return NONE_OF_OURS;
}
