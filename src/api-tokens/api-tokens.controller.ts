import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query, Req } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { FrontendOnly, IgnoresUnknown, type RequestBy, SpeaksDialect } from '../access/access.js';
import type { AppPrincipal } from '../access/principal.js';
import { Idempotent, IDEMPOTENCY_ERRORS } from '../idempotency/idempotent.js';
import { ApiErrors, BODY_ERRORS } from '../openapi/api-errors.js';
import {
  ApiTokenList,
  ApiTokenView,
  EXAMPLE_NEW_TOKENS,
  NewApiToken,
  NewApiTokenAnswer,
  NewDescription,
  Revocation,
  RevocationAnswer,
  toApiTokenView,
  toRevocationAnswer,
} from './api-tokens.dto.js';
import { ApiTokens, expired, notUpdated } from './api-tokens.service.js';
import {
  filterOf,
  FRONTEND_ERRORS,
  ListsTokens,
  missing,
  ofAccount,
  RevokesAllTokens,
  RevokesToken,
  ShowsToken,
  type ListQuery,
} from './token-holders.js';

const ACCOUNT = {
  whose: 'an account',
  params: [{ name: 'account_id', description: 'Any text, percent-encoded', example: 'GATEWAY_ACCOUNT_1' }],
};

@ApiTags('publicauth')
@SpeaksDialect('publicauth')
@Controller('v1/frontend/auth')
export class ApiTokensController {
  constructor(private readonly apiTokens: ApiTokens) {}

  @Post()
  @HttpCode(200)
  @FrontendOnly()
  @Idempotent()
  @IgnoresUnknown()
  @ApiOperation({
    summary: 'Generate and return a new token for the given gateway account ID',
    description:
      'The token is shown once: only a digest of it is stored. With API_TOKEN_HMAC_SECRET, it ends in the HMAC-SHA1 of what ' +
      'precedes, in base32hex.',
  })
  @ApiBody({ type: NewApiToken, examples: EXAMPLE_NEW_TOKENS })
  @ApiOkResponse({ type: NewApiTokenAnswer })
  @ApiErrors('publicauth', ...IDEMPOTENCY_ERRORS, ...BODY_ERRORS, missing('account_id'), expired(), ...FRONTEND_ERRORS)
  async create(
    @Body() body: NewApiToken,
    @Req() { principal: app }: RequestBy<AppPrincipal | undefined>,
  ): Promise<NewApiTokenAnswer> {
    return { token: await this.apiTokens.create(body, app) };
  }

  @Put()
  @FrontendOnly()
  @IgnoresUnknown()
  @ApiOperation({
    summary: 'Update the description of an existing token',
    description: 'A token that is revoked is not found.',
  })
  @ApiOkResponse({ type: ApiTokenView })
  @ApiErrors('publicauth', ...BODY_ERRORS, missing('token_link'), ...FRONTEND_ERRORS, notUpdated())
  async describe(
    @Body() body: NewDescription,
    @Req() { principal: app }: RequestBy<AppPrincipal | undefined>,
  ): Promise<ApiTokenView> {
    return toApiTokenView(await this.apiTokens.describe(body, app));
  }

  @Get(':account_id')
  @ListsTokens(ACCOUNT)
  async list(@Param('account_id') accountId: string, @Query() query: ListQuery): Promise<ApiTokenList> {
    return { tokens: (await this.apiTokens.list(ofAccount(accountId), filterOf(query))).map(toApiTokenView) };
  }

  @Delete(':account_id')
  @RevokesToken(ACCOUNT)
  async revoke(
    @Param('account_id') accountId: string,
    @Body() body: Revocation,
    @Req() { principal: app }: RequestBy<AppPrincipal | undefined>,
  ): Promise<RevocationAnswer> {
    return toRevocationAnswer(await this.apiTokens.revoke(ofAccount(accountId), body, app));
  }

  @Get(':account_id/:token_link')
  @ShowsToken(ACCOUNT)
  async get(@Param('account_id') accountId: string, @Param('token_link') tokenLink: string): Promise<ApiTokenView> {
    return toApiTokenView(await this.apiTokens.get(ofAccount(accountId), tokenLink));
  }

  @Delete(':account_id/revoke-all')
  @RevokesAllTokens(ACCOUNT)
  async revokeAll(
    @Param('account_id') accountId: string,
    @Req() { principal: app }: RequestBy<AppPrincipal | undefined>,
  ): Promise<object> {
    await this.apiTokens.revokeAll(ofAccount(accountId), app);
    return {};
  }
}
