import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { ApiError } from '../errors/api-error.js';

/**
 * Records in the audit log what was refused: to somebody who is known, that they may not do it, or that it is not theirs; to
 * anybody, what the error says.
 */
@Injectable()
export class Refusals {
  constructor(private readonly audit: AuditLog) {}

  /**
   * @param error what a request failed with
   * @throws when it could not be recorded, for instance because the database is unavailable
   */
  async note({ principal, method, routeOptions }: FastifyRequest, error: unknown): Promise<void> {
    if (!(error instanceof ApiError)) return;
    const { refusal } = error.details;
    if (!refusal && !(principal && error.code === 'forbidden')) return;
    const where = { method, route: routeOptions.url ?? null };
    await this.audit.recordAlone({
      kind: 'access.refused',
      outcome: 'refused',
      ...(refusal?.subject !== undefined && { subject: refusal.subject }),
      details: { ...where, ...(error.code === 'not_found' && { status: 404 }), ...refusal?.details },
    });
  }
}
