import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { RUNS_BACKGROUND_JOBS } from '../config/config.module.js';
import { longSql, sql } from '../database/sql.js';
import { SecretKeys } from './secret-keys.js';

/** What was made with a SECRET_KEY and may still be shown. */
export interface SecretKeyUse {
  what: string;
  count: number;
  /** When the last of it ends by itself. */
  until: Date | null;
  /** Whether it is void without the key; otherwise it is only forgotten. */
  isNeeded: boolean;
}

/** What is known of a SECRET_KEY that is configured, and not the current one. */
export interface SecretKeyReport {
  id: string;
  /** When a server last had it as its current one. */
  lastCurrent: Date | null;
  /** Whether one still has. */
  isInUse: boolean;
  uses: SecretKeyUse[];
  canBeDropped: boolean;
}

/** In which what servers have noted is certain to be outdated: they do so every minute. */
const OUTDATED = `interval '3 minutes'`;

/** What the key `$1` has made, up to `$2` unless it says itself which key it was. */
const USES = `
  SELECT 'signing keys' AS what, count(*)::int AS count, NULL::timestamptz AS until, true AS "isNeeded"
    FROM signing_keys WHERE secret_key_id = $1
  UNION ALL SELECT 'refresh tokens', count(*)::int, max(refresh_expires_at), true
    FROM sessions WHERE revoked_at IS NULL AND refresh_expires_at > now() AND coalesce(refreshed_at, created_at) <= $2
  UNION ALL SELECT 'links that reset a password or invite', count(*)::int, max(expires_at), true
    FROM password_resets WHERE account_id IS NOT NULL AND ended_at IS NULL AND expires_at > now() AND created_at <= $2
  UNION ALL SELECT 'links about emails', count(*)::int, max(expires_at), true
    FROM email_links WHERE purpose <> 'tell' AND ended_at IS NULL AND expires_at > now() AND created_at <= $2
  UNION ALL SELECT 'answers for Idempotency-Key', count(*)::int, max(expires_at), true
    FROM idempotency_keys WHERE expires_at > now() AND substring(answer FROM 1 FOR 8) = convert_to($1, 'UTF8')
  UNION ALL SELECT 'addresses that accounts know', count(*)::int, max(seen_at) + interval '90 days', false
    FROM known_addresses WHERE seen_at <= $2
  UNION ALL SELECT 'emails and names that accounts were imported under', count(*)::int, NULL, false
    FROM (SELECT imported_as FROM accounts UNION ALL SELECT imported_as FROM deleted_accounts) AS a
    WHERE substring(imported_as FROM 1 FOR 8) = convert_to($1, 'UTF8')`;

/** Keeps book of which SECRET_KEY was in use until when, and tells what of it is left. */
@Injectable()
export class SecretKeyUses implements OnModuleInit {
  constructor(
    @Inject(RUNS_BACKGROUND_JOBS) private readonly runsBackgroundJobs: boolean,
    private readonly manager: EntityManager,
    private readonly secretKeys: SecretKeys,
  ) {}

  async onModuleInit(): Promise<void> {
    if (this.runsBackgroundJobs) await this.note();
  }

  /** Notes that the current one is in use now. */
  async note(): Promise<void> {
    await sql(
      this.manager,
      'INSERT INTO secret_keys (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET current_until = now()',
      [this.secretKeys.current('signing-key').id],
    );
  }

  /** @returns what needs each of the keys that are configured but the current one */
  check(): Promise<SecretKeyReport[]> {
    const [current, ...older] = this.secretKeys.all('signing-key').map(({ id }) => id);
    return this.manager.transaction(async (tx) => {
      const reports: SecretKeyReport[] = [];
      for (const id of older) reports.push(await this.report(tx, id, current));
      return reports;
    });
  }

  private async report(tx: EntityManager, id: string, current = ''): Promise<SecretKeyReport> {
    // A key that was replaced before servers noted it may have been in use until they began to.
    const [known] = await sql<{ lastCurrent: Date | null; madeUntil: Date; isInUse: boolean }>(
      tx,
      `SELECT old.current_until AS "lastCurrent",
         least(now(), coalesce(old.current_until, new.current_from, now()) + ${OUTDATED}) AS "madeUntil",
         coalesce(old.current_until + ${OUTDATED} > now(), false) AS "isInUse"
       FROM (SELECT) AS one LEFT JOIN secret_keys old ON old.id = $1 LEFT JOIN secret_keys new ON new.id = $2`,
      [id, current],
    );
    const { lastCurrent = null, madeUntil = new Date(), isInUse = false } = known ?? {};
    const uses = (await longSql<SecretKeyUse>(tx, USES, [id, madeUntil])).filter(({ count }) => count > 0);
    const canBeDropped = !isInUse && !uses.some(({ isNeeded }) => isNeeded);
    return { id, lastCurrent, isInUse, uses, canBeDropped };
  }
}
