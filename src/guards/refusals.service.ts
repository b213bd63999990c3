import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { ApiError } from '../errors/api-error.js';

/** Records in the audit log that an authenticated principal was not allowed to do something. */
@Injectable()
export class Refusals {
  constructor(private readonly audit: AuditLog) {}

  /** @param error what a request failed with; only `forbidden` is recorded
   * @throws when it could not be recorded, for instance because the database is unavailable
   */
  async note({ principal, method, routeOptions }: FastifyRequest, error: unknown): Promise<void> {
    if (!principal || !(error instanceof ApiError) || error.code !== 'forbidden') return;
    const details = { method, route: routeOptions.url ?? null };
    await this.audit.recordAlone({ kind: 'access.refused', outcome: 'refused', details });
  }
}
