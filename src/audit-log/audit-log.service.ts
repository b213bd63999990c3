import { Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import type { Principal } from '../access/principal.js';
import { currentRequest } from '../http/current-request.js';
import type { Outcome } from './audit-events.entity.js';
import { AuditEventStore, type AuditActor } from './audit-events.store.js';
import type { AuditKind } from './audit-kinds.js';

/** An event to record. The actor, the address and the request id come from the current request. */
export interface AuditEntry {
  kind: AuditKind;
  /** The id of what was acted on; never a secret or an email. */
  subject?: string;
  /** Absent: success. */
  outcome?: Outcome;
  /** The account that acts, where the request's credential does not prove it, such as at a sign-in. */
  actorId?: string;
  onBehalfOf?: string;
  /** Stored apart, so that it can be deleted later. */
  email?: string;
  /** Further details: ids, names of fields, numbers; no secrets, no emails, no names of people. */
  details?: Record<string, unknown>;
}

/** Writes the audit log. */
@Injectable()
export class AuditLog {
  constructor(
    private readonly manager: EntityManager,
    private readonly store: AuditEventStore,
  ) {}

  /** Records an act in its own transaction, so that neither exists without the other. */
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

  /** Records what has no transaction: a failure, or that somebody read something. */
  recordAlone(entry: AuditEntry): Promise<void> {
    return this.record(this.manager, entry);
  }

  /** Removes an account's emails from the audit log; the events stay. */
  blankEmails(tx: EntityManager, accountId: string, email: string | null): Promise<void> {
    return this.store.blankEmails(tx, accountId, email);
  }
}

/** Of a user on behalf of another, the actor is the one who acts. */
function actorOf(principal: Principal | undefined): AuditActor {
  if (!principal || 'gatewayAccountId' in principal) return {};
  if ('clientId' in principal) return { clientId: principal.clientId };
  if ('tokenId' in principal) return { appTokenId: principal.tokenId };
  if ('sessionId' in principal) return { actorId: principal.accountId };
  const { accountId, actorId, appTokenId } = principal;
  return actorId === null ? { actorId: accountId, appTokenId } : { actorId, onBehalfOf: accountId, appTokenId };
}
