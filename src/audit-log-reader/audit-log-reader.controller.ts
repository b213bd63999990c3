import { Readable } from 'node:stream';
import { Controller, Get, Headers, Query, Req, Res } from '@nestjs/common';
import { ApiExtraModels, ApiOkResponse, ApiOperation, ApiTags, getSchemaPath } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { type RequestBy, SpeaksDialect, UserTokenRequired } from '../access/access.js';
import type { UserPrincipal } from '../access/principal.js';
import { adminsOnly, badHeaders } from '../access/refusals.js';
import { invalidParams } from '../errors/api-error.js';
import { ApiErrors } from '../openapi/api-errors.js';
import { LINK, linkToNext } from '../http/cursor.js';
import type { AuditRecord } from './audit-log-reader.store.js';
import {
  AuditEventList,
  AuditEventView,
  AuditFilter,
  MUST_BE_OUTCOME,
  toAuditEventView,
} from './audit-log-reader.dto.js';
import { AuditLogReader } from './audit-log-reader.service.js';

const NDJSON = 'application/x-ndjson';
const BAD_FILTER = invalidParams({ outcome: [MUST_BE_OUTCOME] });

/** The audit log, for admins. */
@ApiTags('admin')
@SpeaksDialect('app-token')
@Controller('api/v1/audit_events')
export class AuditEventsController {
  constructor(private readonly events: AuditLogReader) {}

  @Get()
  @UserTokenRequired()
  @ApiOperation({
    summary: 'Read the audit log',
    description:
      'Admins only. Newest first, 100 per page; the `Link` header (RFC 8288) points to the next page. With ' +
      `\`Accept: ${NDJSON}\` all matching events, one per line. Reading the audit log is recorded in it.`,
  })
  @ApiExtraModels(AuditEventList, AuditEventView)
  @ApiOkResponse({
    headers: LINK,
    content: {
      'application/json': { schema: { $ref: getSchemaPath(AuditEventList) } },
      [NDJSON]: {
        schema: { type: 'string', description: 'One `AuditEventView` per line' },
        example: '{"id":"5d0e0b6c-6a1e-4a5f-9f7e-0f1f6f3f7d55","kind":"sign_in","outcome":"failure"}\n',
      },
    },
  })
  @ApiErrors('app-token', BAD_FILTER, badHeaders(), adminsOnly())
  async list(
    @Req() { principal: caller }: RequestBy<UserPrincipal>,
    @Query() filter: AuditFilter,
    @Headers('accept') accept: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AuditEventList | Readable> {
    if (accept?.toLowerCase().includes(NDJSON)) {
      const batches = await this.events.export(caller, filter);
      void reply.type(NDJSON);
      return Readable.from(lines(batches), { objectMode: false });
    }
    const { records, next } = await this.events.list(caller, filter);
    linkToNext(reply, next, filter);
    return { audit_events: records.map(toAuditEventView) };
  }
}

async function* lines(batches: AsyncGenerator<AuditRecord[]>): AsyncGenerator<string> {
  for await (const batch of batches) {
    if (batch.length > 0) yield batch.map((record) => `${JSON.stringify(toAuditEventView(record))}\n`).join('');
  }
}
