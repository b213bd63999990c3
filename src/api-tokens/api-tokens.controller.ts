import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiParam, ApiQuery, ApiTags } from '@nestjs/swagger';
import { CurrentPrincipal, FrontendOnly, IgnoresUnknown, NotesReads, SpeaksDialect } from '../access/access.js';
import type { AppPrincipal } from '../access/principal.js';
import { badFrontendToken, noFrontendScope } from '../access/refusals.js';
import { invalidParams } from '../errors/api-error.js';
import { MISSING } from '../errors/dialects.js';
import { ApiErrors, BODY_ERRORS, UNUSED_BODY_ERRORS } from '../openapi/api-errors.js';
import {
  ApiTokenList,
  ApiTokenView,
  DescriptionAnswer,
  EXAMPLE_API_TOKEN,
  EXAMPLE_TOKEN_LINK,
  NewApiToken,
  NewApiTokenAnswer,
  NewDescription,
  Revocation,
  RevocationAnswer,
  toApiTokenView,
} from './api-tokens.dto.js';
import { ApiTokens, notFound, notRevoked, notUpdated } from './api-tokens.service.js';
import { dateAndTime } from './dates.js';

const ACCOUNT_ID = { name: 'account_id', description: 'Any text, percent-encoded', example: 'GATEWAY_ACCOUNT_1' };
const FRONTEND_ERRORS = [badFrontendToken(), noFrontendScope()];
const missing = (field: string) => invalidParams({ [field]: [MISSING] });

const REVOCATIONS = {
  by_link: { summary: 'By the link', value: { token_link: EXAMPLE_TOKEN_LINK } },
  by_token: { summary: 'By the token itself', value: { token: EXAMPLE_API_TOKEN } },
};

@ApiTags('publicauth')
@SpeaksDialect('publicauth')
@Controller('v1/frontend/auth')
export class ApiTokensController {
  constructor(private readonly apiTokens: ApiTokens) {}

  @Post()
  @HttpCode(200)
  @FrontendOnly()
  @IgnoresUnknown()
  @ApiOperation({
    summary: 'Generate and return a new token for the given gateway account ID',
    description: 'The token is shown once: only a digest of it is stored.',
  })
  @ApiOkResponse({ type: NewApiTokenAnswer })
  @ApiErrors('publicauth', ...BODY_ERRORS, missing('account_id'), ...FRONTEND_ERRORS)
  async create(
    @Body() body: NewApiToken,
    @CurrentPrincipal() app: AppPrincipal | undefined,
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
  @ApiOkResponse({ type: DescriptionAnswer })
  @ApiErrors('publicauth', ...BODY_ERRORS, missing('token_link'), ...FRONTEND_ERRORS, notUpdated())
  async describe(
    @Body() body: NewDescription,
    @CurrentPrincipal() app: AppPrincipal | undefined,
  ): Promise<DescriptionAnswer> {
    const { id, description } = await this.apiTokens.describe(body, app);
    return { token_link: id, description: description ?? '' };
  }

  @Get(':account_id')
  @FrontendOnly()
  @IgnoresUnknown()
  @NotesReads('token.listed')
  @ApiOperation({ summary: 'Retrieve the tokens of an account', description: 'Not paginated, newest first.' })
  @ApiParam(ACCOUNT_ID)
  @ApiQuery({
    name: 'state',
    required: false,
    description: '`revoked`, or active ones',
    schema: { type: 'string', enum: ['active', 'revoked'], example: 'active' },
  })
  @ApiOkResponse({ type: ApiTokenList })
  @ApiErrors('publicauth', ...FRONTEND_ERRORS)
  async list(@Param('account_id') accountId: string, @Query('state') state: unknown): Promise<ApiTokenList> {
    return { tokens: (await this.apiTokens.list(accountId, state)).map(toApiTokenView) };
  }

  @Delete(':account_id')
  @FrontendOnly()
  @IgnoresUnknown()
  @ApiOperation({
    summary: 'Revoke a token of an account',
    description: 'Names the token by its link or by itself. One that is revoked already is not found.',
  })
  @ApiParam(ACCOUNT_ID)
  @ApiBody({ type: Revocation, examples: REVOCATIONS })
  @ApiOkResponse({ type: RevocationAnswer })
  @ApiErrors('publicauth', ...BODY_ERRORS, missing('token_link'), ...FRONTEND_ERRORS, notRevoked())
  async revoke(
    @Param('account_id') accountId: string,
    @Body() body: Revocation,
    @CurrentPrincipal() app: AppPrincipal | undefined,
  ): Promise<RevocationAnswer> {
    const { revokedAt } = await this.apiTokens.revoke(accountId, body, app);
    return { revoked: dateAndTime(revokedAt ?? new Date()) };
  }

  @Get(':account_id/:token_link')
  @FrontendOnly()
  @ApiOperation({ summary: 'Retrieve one token of an account', description: 'Also returns revoked tokens.' })
  @ApiParam(ACCOUNT_ID)
  @ApiParam({ name: 'token_link', description: 'The `token_link` of the token', example: EXAMPLE_TOKEN_LINK })
  @ApiOkResponse({ type: ApiTokenView })
  @ApiErrors('publicauth', ...FRONTEND_ERRORS, notFound())
  async get(@Param('account_id') accountId: string, @Param('token_link') tokenLink: string): Promise<ApiTokenView> {
    return toApiTokenView(await this.apiTokens.get(accountId, tokenLink));
  }

  @Delete(':account_id/revoke-all')
  @FrontendOnly()
  @ApiOperation({
    summary: 'Revoke every token of an account',
    description: 'Responds with 200 even when there is none.',
  })
  @ApiParam(ACCOUNT_ID)
  @ApiOkResponse({ schema: { type: 'object', additionalProperties: false, example: {} } })
  @ApiErrors('publicauth', ...UNUSED_BODY_ERRORS, ...FRONTEND_ERRORS)
  async revokeAll(
    @Param('account_id') accountId: string,
    @CurrentPrincipal() app: AppPrincipal | undefined,
  ): Promise<object> {
    await this.apiTokens.revokeAll(accountId, app);
    return {};
  }
}
