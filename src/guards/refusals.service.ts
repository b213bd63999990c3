import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Principal } from '../access/principal.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { ApiError } from '../errors/api-error.js';
import { Limits } from '../limits/limits.service.js';

/** How many refusals of one principal are recorded, so that nobody can flood the audit log. */
const NOTED = { most: 30, seconds: 60 };

/** Records in the audit log that an authenticated principal was not allowed to do something. */
@Injectable()
export class Refusals {
  constructor(
    private readonly audit: AuditLog,
    private readonly limits: Limits,
  ) {}

  /** @param error what a request failed with; only `forbidden` is recorded
   * @throws when it could not be recorded, for instance because the database is unavailable
   */
  async note({ principal, method, routeOptions }: FastifyRequest, error: unknown): Promise<void> {
    if (!principal || !(error instanceof ApiError) || error.code !== 'forbidden') return;
    try {
      await this.limits.take({ key: `refused ${idOf(principal)}`, ...NOTED });
    } catch (limited) {
      if (limited instanceof ApiError) return;
      throw limited;
    }
    const details = { method, route: routeOptions.url ?? null };
    await this.audit.recordAlone({ kind: 'access.refused', outcome: 'refused', details });
  }
}

function idOf(principal: Principal): string {
  if ('clientId' in principal) return principal.clientId;
  if ('gatewayAccountId' in principal) return principal.gatewayAccountId;
  return 'userTokenId' in principal ? (principal.actorId ?? principal.accountId) : principal.accountId;
}
