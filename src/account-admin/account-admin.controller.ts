import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query, Res } from '@nestjs/common';
import {
  ApiBody,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CurrentPrincipal, SpeaksDialect, UserTokenRequired } from '../access/access.js';
import type { UserPrincipal } from '../access/principal.js';
import { adminsOnly, badHeaders } from '../access/refusals.js';
import { EMAIL_DOMAINS, NETWORKS } from '../accounts/account-fields.dto.js';
import { EXAMPLE_ID } from '../accounts/accounts.dto.js';
import { invalidParams } from '../errors/api-error.js';
import { takenEmail } from '../errors/common-errors.js';
import { ApiErrors, BODY_ERRORS, UNUSED_BODY_ERRORS } from '../openapi/api-errors.js';
import { LINK, linkToNext } from '../http/cursor.js';
import {
  AccountChanges,
  AccountFilter,
  AdminAccountList,
  AdminAccountView,
  MUST_BE_ROLE,
  NewAccountBody,
  toAdminAccountView,
} from './account-admin.dto.js';
import { AccountAdmin, answersForClients, lastAdmin } from './account-admin.service.js';

export const ACCOUNT_ID = { name: 'id', description: 'The id of the account', format: 'uuid', example: EXAMPLE_ID };
export const ADMIN_ERRORS = [badHeaders(), adminsOnly()];
/** Without what ends something: Swagger UI sends it as it stands. */
const HARMLESS = {
  change: {
    summary: 'Name, role and networks',
    value: { name: 'example', role: 'user', networks: NETWORKS, email_domains: EMAIL_DOMAINS },
  },
};
const BAD_ROLE = invalidParams({ role: [MUST_BE_ROLE] });

/** Accounts as admins see them. */
@ApiTags('admin')
@SpeaksDialect('app-token')
@Controller('api/v1/accounts')
export class AccountAdminController {
  constructor(private readonly accounts: AccountAdmin) {}

  @Get()
  @UserTokenRequired()
  @ApiOperation({
    summary: 'List and search accounts',
    description: 'For admins. Newest first, a hundred a page. `Link` (RFC 8288) names the next page.',
  })
  @ApiOkResponse({ type: AdminAccountList, headers: LINK })
  @ApiErrors('app-token', ...ADMIN_ERRORS, BAD_ROLE)
  async list(
    @CurrentPrincipal() caller: UserPrincipal,
    @Query() filter: AccountFilter,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AdminAccountList> {
    const { records, next } = await this.accounts.list(caller, filter);
    linkToNext(reply, next, filter);
    return { accounts: records.map(toAdminAccountView) };
  }

  @Post()
  @UserTokenRequired()
  @ApiOperation({
    summary: 'Create an account',
    description:
      'For admins. With a password, or without one: then an invitation is mailed, with which its holder chooses one.',
  })
  @ApiCreatedResponse({ type: AdminAccountView })
  @ApiErrors('app-token', ...BODY_ERRORS, BAD_ROLE, ...ADMIN_ERRORS, takenEmail(), 'rate_limited')
  async create(@CurrentPrincipal() caller: UserPrincipal, @Body() body: NewAccountBody): Promise<AdminAccountView> {
    return toAdminAccountView(await this.accounts.create(caller, body));
  }

  @Get(':id')
  @UserTokenRequired()
  @ApiOperation({ summary: 'Show one account', description: 'For admins. Disabled or not.' })
  @ApiParam(ACCOUNT_ID)
  @ApiOkResponse({ type: AdminAccountView })
  @ApiErrors('app-token', ...ADMIN_ERRORS, 'not_found')
  async get(@CurrentPrincipal() caller: UserPrincipal, @Param('id') id: string): Promise<AdminAccountView> {
    return toAdminAccountView(await this.accounts.get(caller, id));
  }

  @Patch(':id')
  @UserTokenRequired()
  @ApiOperation({
    summary: 'Change, disable or enable an account',
    description:
      'For admins. Changes what is given and leaves the rest. Whoever is disabled loses everything that is open; whoever ' +
      'gets another email or loses the password, all sessions and user tokens; whoever is no longer an admin, the tokens on behalf of others. ' +
      'The last enabled admin stays one.',
  })
  @ApiParam(ACCOUNT_ID)
  @ApiBody({ type: AccountChanges, examples: HARMLESS })
  @ApiOkResponse({ type: AdminAccountView })
  @ApiErrors(
    'app-token',
    ...BODY_ERRORS,
    BAD_ROLE,
    ...ADMIN_ERRORS,
    'not_found',
    takenEmail(),
    lastAdmin(),
    'rate_limited',
  )
  async update(
    @CurrentPrincipal() caller: UserPrincipal,
    @Param('id') id: string,
    @Body() changes: AccountChanges,
  ): Promise<AdminAccountView> {
    return toAdminAccountView(await this.accounts.update(caller, id, changes));
  }

  @Delete(':id')
  @HttpCode(204)
  @UserTokenRequired()
  @ApiOperation({
    summary: 'Delete an account',
    description:
      'For admins. With all that it held; its emails are taken out of the audit log. Not the last enabled admin, and ' +
      'nobody who answers for OAuth2 clients.',
  })
  @ApiParam(ACCOUNT_ID)
  @ApiNoContentResponse()
  @ApiErrors(
    'app-token',
    ...UNUSED_BODY_ERRORS,
    ...ADMIN_ERRORS,
    'not_found',
    lastAdmin(),
    answersForClients(),
    'rate_limited',
  )
  async remove(@CurrentPrincipal() caller: UserPrincipal, @Param('id') id: string): Promise<void> {
    await this.accounts.remove(caller, id);
  }

  @Post(':id/revoke')
  @HttpCode(204)
  @UserTokenRequired()
  @ApiOperation({
    summary: 'End everything that an account has open',
    description:
      'For admins. Its sessions, login and application tokens, tokens on behalf of it and of others that it got, pending ' +
      'resets, and the access tokens of the clients that it answers for. It may sign in again.',
  })
  @ApiParam(ACCOUNT_ID)
  @ApiNoContentResponse()
  @ApiErrors('app-token', ...UNUSED_BODY_ERRORS, ...ADMIN_ERRORS, 'not_found', 'rate_limited')
  async revoke(@CurrentPrincipal() caller: UserPrincipal, @Param('id') id: string): Promise<void> {
    await this.accounts.revoke(caller, id);
  }
}
