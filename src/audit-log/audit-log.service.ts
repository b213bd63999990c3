import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import type { Principal } from '../access/principal.js';
import { currentRequest } from '../http/current-request.js';
import type { Outcome } from './audit-events.entity.js';
import { AuditEventStore, type AuditActor } from './audit-events.store.js';
import type { AuditKind } from './audit-kinds.js';

/** What happened. Who did it, from where and in which request, the audit log finds out by itself. */
export interface AuditEntry {
  kind: AuditKind;
  /** The id of what was acted on; never a secret, and no email. */
  subject?: string;
  /** Absent: success. */
  outcome?: Outcome;
  /** The account that acts, where the request does not prove it: somebody who has just signed in. */
  actorId?: string;
  onBehalfOf?: string;
  /** Kept apart, so that it can be taken away later. */
  email?: string;
  /** What else there is to know: ids, names of fields, numbers; no secret, no email, no name of a person. */
  details?: Record<string, unknown>;
}

/** The audit log of who did what. */
@Injectable()
export class AuditLog {
  constructor(
    private readonly manager: EntityManager,
    private readonly store: AuditEventStore,
  ) {}

  /** Notes an act in the transaction of the act, so that neither exists without the other. */
  async record(tx: EntityManager, entry: AuditEntry): Promise<void> {
    const request = currentRequest();
    const actor = actorOf(request?.principal);
    await this.store.insert(tx, {
      ...entry,
      ...actor,
      ...(entry.actorId !== undefined && { actorId: entry.actorId }),
      ...(entry.onBehalfOf !== undefined && { onBehalfOf: entry.onBehalfOf }),
      ...(request && { address: request.ip, requestId: request.id }),
    });
  }

  /** Notes what has no transaction: a failure, or that somebody looked at something. */
  recordAlone(entry: AuditEntry): Promise<void> {
    return this.record(this.manager, entry);
  }

  /** Takes an account's emails out of the audit log, which stays whole without them. */
  blankEmails(tx: EntityManager, accountId: string, email: string | null): Promise<void> {
    return this.store.blankEmails(tx, accountId, email);
  }
}

/** Whoever acts on behalf of somebody is the one who acts. */
function actorOf(principal: Principal | undefined): AuditActor {
  if (!principal || 'gatewayAccountId' in principal) return {};
  if ('clientId' in principal) return { clientId: principal.clientId };
  if ('tokenId' in principal) return { appTokenId: principal.tokenId };
  if ('sessionId' in principal) return { actorId: principal.accountId };
  const { accountId, actorId, appTokenId } = principal;
  return actorId === null ? { actorId: accountId, appTokenId } : { actorId, onBehalfOf: accountId, appTokenId };
}
