import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query, Req, Res } from '@nestjs/common';
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
import { type RequestBy, SpeaksDialect, UserTokenRequired } from '../access/access.js';
import type { UserPrincipal } from '../access/principal.js';
import { adminsOnly, badHeaders } from '../access/refusals.js';
import { invalidParams } from '../errors/api-error.js';
import { Idempotent, IDEMPOTENCY_ERRORS } from '../idempotency/idempotent.js';
import { ApiErrors, BODY_ERRORS, UNUSED_BODY_ERRORS } from '../openapi/api-errors.js';
import { ApiCursor, badCursor, LINK, linkToNext } from '../http/cursor.js';
import { MUST_BE_SCOPES } from '../http/validation.js';
import { Confirmation } from '../sessions/reauthentication.dto.js';
import { notOnBehalf, REAUTHENTICATION_ERRORS } from '../sessions/reauthentication.service.js';
import { OauthClientAdmin } from './oauth-client-admin.service.js';
import {
  EXAMPLE_CLIENT_ID,
  NewOauthClient,
  NewOauthClientAnswer,
  OauthClientChange,
  OauthClientList,
  OauthClientView,
  toNewOauthClientAnswer,
  toOauthClientView,
} from './oauth-clients.dto.js';
import { OauthClients, twoSecrets } from './oauth-clients.service.js';
import { ConditionalChange, IF_MATCH_ERRORS } from '../http/if-match.js';

const ID = { name: 'id', description: 'The `client_id`', example: EXAMPLE_CLIENT_ID };
const SECRET_ID = {
  name: 'secret_id',
  description: 'The id of the secret',
  format: 'uuid',
  example: '0b6c6a1e-6a5f-4d0e-9f7e-0f1f6f3f7d55',
};
const ADMIN_ERRORS = [badHeaders(), adminsOnly()];
/** Of the routes for which the password may be needed again. */
const SECRET_ERRORS = [...REAUTHENTICATION_ERRORS, notOnBehalf()];
const BAD_SCOPES = invalidParams({ scopes: [MUST_BE_SCOPES.message] });

/** OAuth2 clients, for admins. */
@ApiTags('app-token')
@SpeaksDialect('app-token')
@Controller('api/v1/oauth_clients')
export class OauthClientsController {
  constructor(
    private readonly clients: OauthClients,
    private readonly admin: OauthClientAdmin,
  ) {}

  @Post()
  @UserTokenRequired()
  @Idempotent()
  @ApiOperation({
    summary: 'Create an OAuth2 client',
    description:
      'Admins only. The secret is only shown once. With a token on behalf of another admin, the client ends with that token. ' +
      'With REAUTHENTICATE_AFTER, `current_password` may be needed.',
  })
  @ApiCreatedResponse({ type: NewOauthClientAnswer })
  @ApiErrors(
    'app-token',
    ...IDEMPOTENCY_ERRORS,
    ...BODY_ERRORS,
    BAD_SCOPES,
    ...ADMIN_ERRORS,
    ...SECRET_ERRORS,
    'rate_limited',
  )
  async create(
    @Req() { principal: caller }: RequestBy<UserPrincipal>,
    @Body() body: NewOauthClient,
  ): Promise<NewOauthClientAnswer> {
    return toNewOauthClientAnswer(await this.admin.create(caller, body));
  }

  @Get()
  @UserTokenRequired()
  @ApiOperation({
    summary: 'List OAuth2 clients',
    description: 'Admins only. Newest first, 100 per page; the `Link` header (RFC 8288) points to the next page.',
  })
  @ApiCursor()
  @ApiOkResponse({ type: OauthClientList, headers: LINK })
  @ApiErrors('app-token', ...ADMIN_ERRORS, badCursor())
  async list(
    @Req() { principal: caller }: RequestBy<UserPrincipal>,
    @Query('cursor') cursor: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OauthClientList> {
    const { records, next } = await this.clients.list(caller, cursor);
    linkToNext(reply, next);
    return { oauth_clients: records.map(toOauthClientView) };
  }

  @Get(':id')
  @UserTokenRequired()
  @ApiOperation({ summary: 'Get an OAuth2 client', description: 'Admins only. The response never contains secrets.' })
  @ApiParam(ID)
  @ApiOkResponse({ type: OauthClientView })
  @ApiErrors('app-token', ...ADMIN_ERRORS, 'not_found')
  async get(@Req() { principal: caller }: RequestBy<UserPrincipal>, @Param('id') id: string): Promise<OauthClientView> {
    return toOauthClientView(await this.clients.get(caller, id));
  }

  @Patch(':id')
  @UserTokenRequired()
  @ConditionalChange()
  @ApiOperation({
    summary: 'Update an OAuth2 client',
    description: 'Admins only. Scopes that are removed from the client are removed from its access tokens too.',
  })
  @ApiParam(ID)
  @ApiOkResponse({ type: OauthClientView })
  @ApiErrors('app-token', ...BODY_ERRORS, ...IF_MATCH_ERRORS, BAD_SCOPES, ...ADMIN_ERRORS, 'not_found', 'rate_limited')
  async update(
    @Req() { principal: caller }: RequestBy<UserPrincipal>,
    @Param('id') id: string,
    @Body() { name, scopes, owner }: OauthClientChange,
  ): Promise<OauthClientView> {
    const change = { ...(name !== undefined && { name }), ...(scopes && { scopes }), ...(owner && { ownerId: owner }) };
    return toOauthClientView(await this.clients.update(caller, id, change));
  }

  @Delete(':id')
  @HttpCode(204)
  @UserTokenRequired()
  @ApiOperation({
    summary: 'Delete an OAuth2 client',
    description: 'Admins only. Also deletes its secrets, access tokens and identifications.',
  })
  @ApiParam(ID)
  @ApiNoContentResponse()
  @ApiErrors('app-token', ...UNUSED_BODY_ERRORS, ...ADMIN_ERRORS, 'not_found', 'rate_limited')
  async remove(@Req() { principal: caller }: RequestBy<UserPrincipal>, @Param('id') id: string): Promise<void> {
    await this.clients.remove(caller, id);
  }

  @Post(':id/revoke')
  @HttpCode(204)
  @UserTokenRequired()
  @ApiOperation({
    summary: 'Revoke all access tokens of an OAuth2 client',
    description: 'Admins only. Its secrets stay valid: delete a leaked secret first.',
  })
  @ApiParam(ID)
  @ApiNoContentResponse()
  @ApiErrors('app-token', ...UNUSED_BODY_ERRORS, ...ADMIN_ERRORS, 'not_found', 'rate_limited')
  async revokeTokens(@Req() { principal: caller }: RequestBy<UserPrincipal>, @Param('id') id: string): Promise<void> {
    await this.clients.revokeTokens(caller, id);
  }

  @Post(':id/secrets')
  @UserTokenRequired()
  @Idempotent()
  @ApiOperation({
    summary: 'Add a secret to an OAuth2 client',
    description:
      'Admins only. A client can have two secrets, both of them valid, so that it can switch without an outage. Delete ' +
      'the old one when its `last_used_at` no longer changes. With a token on behalf of another admin, the secret ends with ' +
      'that token. With REAUTHENTICATE_AFTER, `current_password` may be needed.',
  })
  @ApiParam(ID)
  @ApiCreatedResponse({ type: NewOauthClientAnswer })
  @ApiBody({ type: Confirmation, required: false })
  @ApiErrors(
    'app-token',
    ...IDEMPOTENCY_ERRORS,
    ...BODY_ERRORS,
    ...ADMIN_ERRORS,
    ...SECRET_ERRORS,
    'not_found',
    twoSecrets(),
    'rate_limited',
  )
  async rotateSecret(
    @Req() { principal: caller }: RequestBy<UserPrincipal>,
    @Param('id') id: string,
    @Body() { current_password }: Confirmation,
  ): Promise<NewOauthClientAnswer> {
    return toNewOauthClientAnswer(await this.admin.rotateSecret(caller, id, current_password));
  }

  @Delete(':id/secrets/:secret_id')
  @HttpCode(204)
  @UserTokenRequired()
  @ApiOperation({
    summary: 'Delete a secret of an OAuth2 client',
    description: 'Admins only. Access tokens that were issued with it stay valid until they expire or are revoked.',
  })
  @ApiParam(ID)
  @ApiParam(SECRET_ID)
  @ApiNoContentResponse()
  @ApiErrors('app-token', ...UNUSED_BODY_ERRORS, ...ADMIN_ERRORS, 'not_found', 'rate_limited')
  async removeSecret(
    @Req() { principal: caller }: RequestBy<UserPrincipal>,
    @Param('id') id: string,
    @Param('secret_id') secretId: string,
  ): Promise<void> {
    await this.clients.removeSecret(caller, id, secretId);
  }
}
