import { Body, Controller, Header, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import {
  AcceptsForms,
  ClientSecretRequired,
  IgnoresUnknown,
  NotesReads,
  type RequestBy,
  SpeaksDialect,
} from '../access/access.js';
import type { AuthenticatedClient } from '../access/principal.js';
import { badClient, insufficientScope, severalWays } from '../access/refusals.js';
import { invalidParams, tooManyAttempts } from '../errors/api-error.js';
import { isForm } from '../http/body.js';
import type { MaybePromise } from '../http/maybe-promise.js';
import { Idempotent, IDEMPOTENCY_ERRORS } from '../idempotency/idempotent.js';
import { ApiErrors, BODY_ERRORS } from '../openapi/api-errors.js';
import { IS_REQUIRED, MUST_BE_STRING } from '../http/validation.js';
import { Introspection } from './introspection.service.js';
import { badGrantType, badResource, badScope, OauthTokens } from './oauth-tokens.service.js';
import {
  AccessTokenAnswer,
  AccountTokenAnswer,
  IntrospectionAnswer,
  PresentedToken,
  toAccountTokenAnswer,
  ResourceTokenRequest,
  TokenRequestBody,
} from './oauth.dto.js';

const FORM = 'application/x-www-form-urlencoded';
const JSON_TYPE = 'application/json';
const CLIENT_ERRORS = [badClient(), tooManyAttempts(60), severalWays()] as const;
const TOKEN_ERRORS = [badGrantType(), badScope(), invalidParams({ scope: [MUST_BE_STRING.message] })];
const BAD_TOKEN = invalidParams({ token: [IS_REQUIRED] });

/** OAuth2 for clients: the token endpoint, introspection and revocation. */
@ApiTags('oauth')
@SpeaksDialect('oauth')
@IgnoresUnknown()
@Controller('oauth')
export class OauthController {
  constructor(
    private readonly tokens: OauthTokens,
    private readonly introspection: Introspection,
  ) {}

  @Post('v2/token')
  @ClientSecretRequired()
  @Idempotent()
  @AcceptsForms()
  // Required by RFC 6749 section 5.1, for HTTP/1.0 caches.
  @Header('Pragma', 'no-cache')
  @ApiOperation({
    summary: 'OAuth2 token Create',
    description:
      'Answers JSON, or no body, as the connect document does: 201 with `account_token`. A form is answered with 200 ' +
      '(RFC 6749 section 5.1), as OAuth2 clients expect it.',
  })
  @ApiConsumes(FORM, JSON_TYPE)
  @ApiBody({ type: TokenRequestBody, required: false })
  @ApiCreatedResponse({ description: 'For JSON, or no body', type: AccountTokenAnswer })
  @ApiOkResponse({ description: 'For a form', type: AccountTokenAnswer })
  @ApiErrors('oauth', ...IDEMPOTENCY_ERRORS, ...BODY_ERRORS, ...CLIENT_ERRORS, ...TOKEN_ERRORS)
  async createToken(
    @Req() request: RequestBy<AuthenticatedClient>,
    @Body() body: TokenRequestBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AccountTokenAnswer> {
    const answer = toAccountTokenAnswer(await this.tokens.grant(request.principal, body));
    if (isForm(request)) void reply.code(200);
    return answer;
  }

  @Post('token')
  @HttpCode(200)
  @ClientSecretRequired()
  @AcceptsForms()
  @Header('Pragma', 'no-cache')
  @ApiOperation({
    summary: 'OAuth2 token endpoint',
    description: 'The client credentials grant (RFC 6749 section 4.4), for standard OAuth2 libraries.',
  })
  @ApiConsumes(FORM, JSON_TYPE)
  @ApiBody({ type: ResourceTokenRequest, required: false })
  @ApiOkResponse({ type: AccessTokenAnswer })
  @ApiErrors('oauth', ...BODY_ERRORS, ...CLIENT_ERRORS, ...TOKEN_ERRORS, badResource())
  token(
    @Req() { principal: client }: RequestBy<AuthenticatedClient>,
    @Body() body: ResourceTokenRequest,
  ): Promise<AccessTokenAnswer> {
    return this.tokens.grant(client, body);
  }

  @Post('introspect')
  @HttpCode(200)
  @NotesReads('token.introspected')
  @ClientSecretRequired('tokens:introspect')
  @AcceptsForms()
  @ApiOperation({
    summary: 'Token introspection',
    description: 'Describes a token of any kind, including session JWTs (RFC 7662).',
  })
  @ApiConsumes(FORM, JSON_TYPE)
  @ApiOkResponse({ type: IntrospectionAnswer })
  @ApiErrors('oauth', ...BODY_ERRORS, ...CLIENT_ERRORS, BAD_TOKEN, insufficientScope('tokens:introspect', false))
  introspect(@Body() { token }: PresentedToken): MaybePromise<IntrospectionAnswer> {
    return this.introspection.describe(token);
  }

  @Post('revoke')
  @HttpCode(200)
  @ClientSecretRequired()
  @AcceptsForms()
  @ApiOperation({
    summary: 'Token revocation',
    description:
      'Revokes an access token of the client (RFC 7009). Other tokens are ignored; the response is the same.',
  })
  @ApiConsumes(FORM, JSON_TYPE)
  @ApiOkResponse({ description: 'The token has been revoked, or is not a valid token of the client' })
  @ApiErrors('oauth', ...BODY_ERRORS, ...CLIENT_ERRORS, BAD_TOKEN)
  async revoke(
    @Req() { principal: client }: RequestBy<AuthenticatedClient>,
    @Body() { token }: PresentedToken,
  ): Promise<void> {
    await this.tokens.revoke(client, token);
  }
}
