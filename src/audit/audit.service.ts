import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditEventEntity } from './audit-event.entity.js';

/** Who is behind a request, and from where it came. */
export interface AuditOrigin {
  /** The account that acts. */
  actorId: string;
  /** The account that it acts for; null: itself. */
  onBehalfOf: string | null;
  address: string;
  requestId: string;
}

export type AuditKind = 'token.issued' | 'token.expiry_changed' | 'token.deleted';

/** The trail of who did what. */
@Injectable()
export class Audit {
  /** Notes an act in the transaction of the act, so that neither exists without the other. */
  async record(tx: EntityManager, kind: AuditKind, origin: AuditOrigin, subject: string): Promise<void> {
    await tx.insert(AuditEventEntity, { kind, subject, ...origin });
  }
}
