import { Body, Controller, Delete, Get, HttpCode, Patch, Post, Query, Req, Res } from '@nestjs/common';
import {
  ApiBody,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { type RequestBy, SpeaksDialect, TakesLargeBodies, UserTokenRequired } from '../access/access.js';
import type { UserPrincipal } from '../access/principal.js';
import { adminsOnly, badHeaders } from '../access/refusals.js';
import { EMAIL_DOMAINS, NETWORKS } from '../accounts/account-fields.dto.js';
import { EXAMPLE_ID } from '../accounts/accounts.dto.js';
import { invalidParams } from '../errors/api-error.js';
import { takenEmail } from '../errors/common-errors.js';
import { Idempotent, IDEMPOTENCY_ERRORS } from '../idempotency/idempotent.js';
import { ApiErrors, BODY_ERRORS, UNUSED_BODY_ERRORS } from '../openapi/api-errors.js';
import { LINK, linkToNext } from '../http/cursor.js';
import { Confirmation } from '../sessions/reauthentication.dto.js';
import { currentPasswordNeeded, notOnBehalf, REAUTHENTICATION_ERRORS } from '../sessions/reauthentication.service.js';
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
import { AccountIdParam, ApiAccountId } from '../http/account-ids.js';
import { ConditionalChange, IF_MATCH_ERRORS } from '../http/if-match.js';

export const ADMIN_ERRORS = [badHeaders(), adminsOnly()];
/** Of the routes for which an admin may have to enter the password again. */
export const OWN_ACCOUNT_ERRORS = [...REAUTHENTICATION_ERRORS, notOnBehalf()];
/** Revokes nothing, as Swagger UI sends the example unedited. */
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
    description: 'Admins only. Newest first, 100 per page; the `Link` header (RFC 8288) points to the next page.',
  })
  @ApiOkResponse({ type: AdminAccountList, headers: LINK })
  @ApiErrors('app-token', ...ADMIN_ERRORS, BAD_ROLE)
  async list(
    @Req() { principal: caller }: RequestBy<UserPrincipal>,
    @Query() filter: AccountFilter,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AdminAccountList> {
    const { records, next } = await this.accounts.list(caller, filter);
    linkToNext(reply, next, filter);
    return { accounts: records.map(toAdminAccountView) };
  }

  @Post()
  @UserTokenRequired()
  @Idempotent()
  @TakesLargeBodies()
  @ApiOperation({
    summary: 'Create an account',
    description:
      'Admins only. Without a password, the account holder is sent an invitation to choose one. With REAUTHENTICATE_AFTER, ' +
      '`current_password` may be needed to make an admin.',
  })
  @ApiCreatedResponse({ type: AdminAccountView })
  @ApiErrors(
    'app-token',
    ...IDEMPOTENCY_ERRORS,
    ...BODY_ERRORS,
    BAD_ROLE,
    ...OWN_ACCOUNT_ERRORS,
    ...ADMIN_ERRORS,
    takenEmail(),
    'rate_limited',
  )
  async create(
    @Req() { principal: caller }: RequestBy<UserPrincipal>,
    @Body() body: NewAccountBody,
  ): Promise<AdminAccountView> {
    return toAdminAccountView(await this.accounts.create(caller, body));
  }

  @Get(':id')
  @UserTokenRequired()
  @ApiOperation({ summary: 'Get an account', description: 'Admins only. Also returns disabled accounts.' })
  @ApiAccountId(EXAMPLE_ID)
  @ApiOkResponse({ type: AdminAccountView })
  @ApiErrors('app-token', ...ADMIN_ERRORS, 'not_found')
  async get(
    @Req() { principal: caller }: RequestBy<UserPrincipal>,
    @AccountIdParam() id: string,
  ): Promise<AdminAccountView> {
    return toAdminAccountView(await this.accounts.get(caller, id));
  }

  @Patch(':id')
  @UserTokenRequired()
  @ConditionalChange()
  @TakesLargeBodies()
  @ApiOperation({
    summary: 'Update, disable or enable an account',
    description:
      'Admins only. Fields that are not given stay as they are. Disabling an account revokes all its sessions and tokens. ' +
      'Changing its email or removing its password revokes its sessions and user tokens. Demoting an admin revokes ' +
      'what only admins can have: tokens on behalf of others, App-Tokens with scopes, and the access tokens of their ' +
      'clients. The last enabled admin cannot be disabled or demoted. With REAUTHENTICATE_AFTER or ' +
      'REQUIRE_CURRENT_PASSWORD, `current_password` may be needed to change your own email or password, and to ' +
      'make somebody an admin.',
  })
  @ApiAccountId(EXAMPLE_ID)
  @ApiBody({ type: AccountChanges, examples: HARMLESS })
  @ApiOkResponse({ type: AdminAccountView })
  @ApiErrors(
    'app-token',
    ...BODY_ERRORS,
    ...IF_MATCH_ERRORS,
    BAD_ROLE,
    currentPasswordNeeded(),
    ...OWN_ACCOUNT_ERRORS,
    ...ADMIN_ERRORS,
    'not_found',
    takenEmail(),
    lastAdmin(),
    'rate_limited',
  )
  async update(
    @Req() { principal: caller }: RequestBy<UserPrincipal>,
    @AccountIdParam() id: string,
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
      'Admins only. Deletes everything that belongs to the account, and removes its emails from the audit log. The last ' +
      'enabled admin and accounts that own OAuth2 clients cannot be deleted.',
  })
  @ApiAccountId(EXAMPLE_ID)
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
  async remove(@Req() { principal: caller }: RequestBy<UserPrincipal>, @AccountIdParam() id: string): Promise<void> {
    await this.accounts.remove(caller, id);
  }

  @Post(':id/revoke')
  @HttpCode(204)
  @UserTokenRequired()
  @ApiOperation({
    summary: 'Revoke all sessions and tokens of an account',
    description:
      'Admins only. Revokes its sessions, its user and application tokens, the tokens that were created on its behalf or ' +
      'by it on behalf of others with all that was created with these, pending password resets, and the access tokens of ' +
      'the clients that it owns. It can sign in again. With REAUTHENTICATE_AFTER, ' +
      '`current_password` may be needed for your own account.',
  })
  @ApiAccountId(EXAMPLE_ID)
  @ApiBody({ type: Confirmation, required: false })
  @ApiNoContentResponse()
  @ApiErrors('app-token', ...BODY_ERRORS, ...OWN_ACCOUNT_ERRORS, ...ADMIN_ERRORS, 'not_found', 'rate_limited')
  async revoke(
    @Req() { principal: caller }: RequestBy<UserPrincipal>,
    @AccountIdParam() id: string,
    @Body() { current_password }: Confirmation,
  ): Promise<void> {
    await this.accounts.revoke(caller, id, current_password);
  }

  @Delete(':id/lock')
  @HttpCode(204)
  @UserTokenRequired()
  @ApiOperation({
    summary: 'Lift the lock on signing in to an account',
    description:
      'Admins only. Forgets the failed sign-ins because of which somebody has to wait, whether or not there are any. ' +
      'Ending what the account has open is another matter: see `/revoke`.',
  })
  @ApiAccountId(EXAMPLE_ID)
  @ApiNoContentResponse()
  @ApiErrors('app-token', ...UNUSED_BODY_ERRORS, ...ADMIN_ERRORS, 'not_found', 'rate_limited')
  async unlock(@Req() { principal: caller }: RequestBy<UserPrincipal>, @AccountIdParam() id: string): Promise<void> {
    await this.accounts.unlock(caller, id);
  }
}
