import { Injectable } from '@nestjs/common';
import { AuditLog } from '../audit-log/audit-log.service.js';
import type { LinkedPurpose } from '../email-links/email-links.service.js';
import { invalidParams, type ApiError } from '../errors/api-error.js';
import { UNUSABLE_LINK } from '../mail/link-mail.js';

const FIELDS = { verify: 'verify_email_token', undo: 'undo_email_token' } as const satisfies Record<
  LinkedPurpose,
  string
>;

const KINDS = { verify: 'account.email_verified', undo: 'account.email_change_undone' } as const;

export const unusableLink = (purpose: LinkedPurpose): ApiError => invalidParams({ [FIELDS[purpose]]: [UNUSABLE_LINK] });

/** What the audit log has of links that were refused. */
@Injectable()
export class RefusedLinks {
  constructor(private readonly audit: AuditLog) {}

  /** Refuses a genuine link that has been used, ended or has expired. */
  async refuse(purpose: LinkedPurpose, link: string): Promise<never> {
    await this.record(purpose, link);
    throw unusableLink(purpose);
  }

  async record(purpose: LinkedPurpose, link: string): Promise<void> {
    await this.audit.recordAlone({ kind: KINDS[purpose], outcome: 'failure', details: { link } });
  }
}
