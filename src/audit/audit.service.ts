import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Caller } from '../access/caller.js';
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

export type AuditKind =
  | 'token.issued'
  | 'token.expiry_changed'
  | 'token.deleted'
  | 'oauth_client.created'
  | 'oauth_client.changed'
  | 'oauth_client.deleted'
  | 'oauth_client.revoked'
  | 'oauth_client.secret_added'
  | 'oauth_client.secret_deleted';

export function originOf({ principal, address, requestId }: Caller): AuditOrigin {
  const { accountId, actorId } = principal;
  return { actorId: actorId ?? accountId, onBehalfOf: actorId === null ? null : accountId, address, requestId };
}

/** The trail of who did what. */
@Injectable()
export class Audit {
  /** Notes an act in the transaction of the act, so that neither exists without the other. */
  async record(tx: EntityManager, kind: AuditKind, origin: AuditOrigin, subject: string): Promise<void> {
    await tx.insert(AuditEventEntity, { kind, subject, ...origin });
  }
}
