import { createHmac } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { findNamedAccount } from '../accounts/named-accounts.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { DATABASE_ACCESS, type DatabaseAccess } from '../database/connection.js';
import { Snapshot } from '../database/snapshot.js';
import { foldEmail } from '../emails/email-address.js';
import { ApiError } from '../errors/api-error.js';
import { SecretKeys } from '../keys/secret-keys.js';
import { EVERYTHING } from './everything.js';
import { ONE_ACCOUNT } from './one-account.js';

/** Takes what is exported; whoever writes it waits until it is taken. */
export type Write = (text: string) => Promise<void>;

/** How many records of each kind have been written. */
export type ExportCounts = Record<string, number>;

const asJson = (statement: string) => `SELECT row_to_json(r)::text AS json FROM (${statement}) AS r`;
const asRecord = (statement: string) =>
  `SELECT json_strip_nulls(row_to_json(r))::text AS json FROM (${statement}) AS r`;

/** Writes what the database has: all that an import takes, or what is known of one account. As it is at one moment. */
@Injectable()
export class Exports {
  constructor(
    @Inject(DATABASE_ACCESS) private readonly access: DatabaseAccess,
    private readonly manager: EntityManager,
    private readonly audit: AuditLog,
    private readonly secretKeys: SecretKeys,
  ) {}

  /**
   * Writes NDJSON that an import takes. That it was begun is noted before anything is written.
   *
   * @param progress is called again and again
   */
  async writeAll(write: Write, signal: AbortSignal, progress: (counts: ExportCounts) => void): Promise<ExportCounts> {
    await this.audit.recordAlone({ kind: 'export.started' });
    const counts: ExportCounts = {};
    await Snapshot.read(this.access.direct, signal, async (snapshot) => {
      let leftOut = 0;
      for (const { name, statement, leftOut: countLeftOut } of EVERYTHING) {
        counts[name] = 0;
        for await (const rows of snapshot.rows<{ json: string }>(asRecord(statement))) {
          await write(rows.map(({ json }) => `${json}\n`).join(''));
          counts[name] += rows.length;
          progress(counts);
        }
        for await (const rows of snapshot.rows<{ count: number }>(countLeftOut)) leftOut += rows[0]?.count ?? 0;
      }
      if (leftOut > 0) counts['left out'] = leftOut;
    });
    await this.audit.recordAlone({ kind: 'export.finished', details: counts });
    return counts;
  }

  /**
   * Writes all that is known of one account, as one object of JSON.
   *
   * @param named its id, its `legacy_id` or its email
   * @returns one account
   * @throws ApiError `not_found` when there is no such account
   */
  async writeAccount(named: string, write: Write, signal: AbortSignal): Promise<ExportCounts> {
    const account = await findNamedAccount(this.manager, named);
    if (!account) throw new ApiError('not_found', 'There is no such account.');
    await this.audit.recordAlone({ kind: 'account.exported', subject: account.id });
    await Snapshot.read(this.access.direct, signal, async (snapshot) => {
      await write(`{\n"exported_at": ${JSON.stringify(new Date())}`);
      for (const { name, statement, isOne } of ONE_ACCOUNT) {
        // A parameter that a statement does not use has no type.
        const values = [account.id, this.digestsOf(account.email)].slice(0, statement.includes('$2') ? 2 : 1);
        await write(`,\n${JSON.stringify(name)}: ${isOne ? '' : '['}`);
        let separator = isOne ? '' : '\n';
        for await (const rows of snapshot.rows<{ json: string }>(asJson(statement), values)) {
          await write(`${separator}${rows.map(({ json }) => json).join(',\n')}`);
          separator = ',\n';
        }
        if (!isOne) await write(']');
      }
      await write('\n}\n');
    });
    return { account: 1 };
  }

  /** As failed sign-ins and limits have it, by every SECRET_KEY. */
  private digestsOf(email: string | null): string[] {
    if (email === null) return [];
    return (['attempt-limit', 'unknown-account'] as const)
      .flatMap((purpose) => this.secretKeys.all(purpose))
      .map(({ key }) => createHmac('sha256', key).update(foldEmail(email)).digest('base64url'));
  }
}
