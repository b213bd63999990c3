import { Body, Controller, Delete, Get, HttpCode, Param, Query, Req, Res } from '@nestjs/common';
import { ApiBody, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { type RequestBy, SessionRequired, SpeaksDialect } from '../access/access.js';
import type { SessionPrincipal } from '../access/principal.js';
import { ApiErrors, BODY_ERRORS, unknownParameter } from '../openapi/api-errors.js';
import { ApiCursor, badCursor, LINK, linkToNext } from '../http/cursor.js';
import { EXAMPLE_SESSION_ID, OwnSessionList, toOwnSessionView } from './account-sessions.dto.js';
import { AccountSessions } from './account-sessions.service.js';
import { ConfirmationBody } from './reauthentication.dto.js';
import { REAUTHENTICATION_ERRORS } from './reauthentication.service.js';

@ApiTags('account')
@SpeaksDialect('account')
@Controller('account/sessions')
export class AccountSessionsController {
  constructor(private readonly sessions: AccountSessions) {}

  @Get()
  @SessionRequired()
  @ApiOperation({
    summary: 'List your sessions',
    description: 'Open sessions, newest first, 100 per page; the `Link` header (RFC 8288) points to the next page.',
  })
  @ApiCursor()
  @ApiOkResponse({ type: OwnSessionList, headers: LINK })
  @ApiErrors('account', 'unauthorized', badCursor())
  async list(
    @Req() { principal: { accountId, sessionId } }: RequestBy<SessionPrincipal>,
    @Query('cursor') cursor: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OwnSessionList> {
    const { records, next } = await this.sessions.list(accountId, cursor);
    linkToNext(reply, next);
    return { data: records.map((record) => toOwnSessionView(record, sessionId)) };
  }

  @Delete(':sid')
  @HttpCode(204)
  @SessionRequired()
  @ApiOperation({
    summary: 'End one of your sessions',
    description:
      'Its JWT and refresh token stop working. Other sessions stay open. With REAUTHENTICATE_AFTER, `current_password` may ' +
      'be needed for another session than the one that asks.',
  })
  @ApiBody({ type: ConfirmationBody, required: false })
  @ApiParam({ name: 'sid', description: 'The id of the session', format: 'uuid', example: EXAMPLE_SESSION_ID })
  @ApiNoContentResponse()
  @ApiErrors(
    'account',
    ...BODY_ERRORS,
    ...REAUTHENTICATION_ERRORS,
    unknownParameter(),
    'unauthorized',
    'not_found',
    'rate_limited',
  )
  async end(
    @Req() { principal: caller }: RequestBy<SessionPrincipal>,
    @Param('sid') sid: string,
    @Body() { account }: ConfirmationBody,
  ): Promise<void> {
    await this.sessions.end(caller.accountId, sid, caller, account?.current_password);
  }
}
