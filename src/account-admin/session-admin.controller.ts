import { Body, Controller, Delete, Get, HttpCode, Param, Query, Req, Res } from '@nestjs/common';
import { ApiBody, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { type RequestBy, SpeaksDialect, UserTokenRequired } from '../access/access.js';
import type { UserPrincipal } from '../access/principal.js';
import { ApiErrors, BODY_ERRORS } from '../openapi/api-errors.js';
import { EXAMPLE_ID } from '../accounts/accounts.dto.js';
import { AccountIdParam, ApiAccountId } from '../http/account-ids.js';
import { ApiCursor, badCursor, LINK, linkToNext } from '../http/cursor.js';
import { EXAMPLE_SESSION_ID, SessionView, toSessionView } from '../sessions/account-sessions.dto.js';
import { Confirmation } from '../sessions/reauthentication.dto.js';
import { ADMIN_ERRORS, OWN_ACCOUNT_ERRORS } from './account-admin.controller.js';
import { SessionList } from './account-admin.dto.js';
import { SessionAdmin } from './session-admin.service.js';

const SESSION_ID = { name: 'sid', description: 'The id of the session', format: 'uuid', example: EXAMPLE_SESSION_ID };

/** The sessions of an account, as admins see them. */
@ApiTags('admin')
@SpeaksDialect('app-token')
@Controller('api/v1/accounts/:id/sessions')
export class SessionAdminController {
  constructor(private readonly sessions: SessionAdmin) {}

  @Get()
  @UserTokenRequired()
  @ApiOperation({
    summary: 'List the open sessions of an account',
    description: 'Admins only. Newest first, 100 per page; the `Link` header (RFC 8288) points to the next page.',
  })
  @ApiAccountId(EXAMPLE_ID)
  @ApiCursor()
  @ApiOkResponse({ type: SessionList, headers: LINK })
  @ApiErrors('app-token', ...ADMIN_ERRORS, badCursor(), 'not_found')
  async list(
    @Req() { principal: caller }: RequestBy<UserPrincipal>,
    @AccountIdParam() id: string,
    @Query('cursor') cursor: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SessionList> {
    const { records, next } = await this.sessions.list(caller, id, cursor);
    linkToNext(reply, next);
    return { sessions: records.map(toSessionView) };
  }

  @Get(':sid')
  @UserTokenRequired()
  @ApiOperation({ summary: 'Get an open session of an account', description: 'Admins only.' })
  @ApiAccountId(EXAMPLE_ID)
  @ApiParam(SESSION_ID)
  @ApiOkResponse({ type: SessionView })
  @ApiErrors('app-token', ...ADMIN_ERRORS, 'not_found')
  async get(
    @Req() { principal: caller }: RequestBy<UserPrincipal>,
    @AccountIdParam() id: string,
    @Param('sid') sid: string,
  ): Promise<SessionView> {
    return toSessionView(await this.sessions.get(caller, id, sid));
  }

  @Delete(':sid')
  @HttpCode(204)
  @UserTokenRequired()
  @ApiOperation({
    summary: 'End a session of an account',
    description:
      'Admins only. Its JWT and refresh token stop working. Other sessions stay open. ' +
      'With REAUTHENTICATE_AFTER, `current_password` may be needed for your own account.',
  })
  @ApiAccountId(EXAMPLE_ID)
  @ApiParam(SESSION_ID)
  @ApiNoContentResponse()
  @ApiBody({ type: Confirmation, required: false })
  @ApiErrors('app-token', ...BODY_ERRORS, ...OWN_ACCOUNT_ERRORS, ...ADMIN_ERRORS, 'not_found', 'rate_limited')
  async end(
    @Req() { principal: caller }: RequestBy<UserPrincipal>,
    @AccountIdParam() id: string,
    @Param('sid') sid: string,
    @Body() { current_password }: Confirmation,
  ): Promise<void> {
    await this.sessions.end(caller, id, sid, current_password);
  }
}
