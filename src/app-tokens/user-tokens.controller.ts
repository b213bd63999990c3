import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query, Res } from '@nestjs/common';
import {
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
import { badHeaders } from '../access/refusals.js';
import { ApiErrors, BODY_ERRORS, UNUSED_BODY_ERRORS } from '../errors/openapi.js';
import { ApiCursor, badCursor, LINK, linkToNext } from '../http/cursor.js';
import { EXAMPLE_TOKEN, Expiry, NewToken, TokenList, TokenView, LoginAnswer, toTokenView } from './app-tokens.dto.js';
import { AppTokens } from './app-tokens.service.js';
import { badExpiry, badUser, longerLifeForbidden, onBehalfForbidden } from './refusals.js';

const NAME = { name: 'name', description: 'The token itself, or its id', example: EXAMPLE_TOKEN };

@ApiTags('app-token')
@SpeaksDialect('app-token')
@Controller('api/v1/tokens')
export class UserTokensController {
  constructor(private readonly appTokens: AppTokens) {}

  @Post()
  @UserTokenRequired()
  @ApiOperation({
    summary: 'Create a token on behalf of another user',
    description: 'For admins. Expires in a day unless told otherwise.',
  })
  @ApiCreatedResponse({ type: LoginAnswer })
  @ApiErrors('app-token', ...BODY_ERRORS, badUser(), badHeaders(), onBehalfForbidden())
  async create(@CurrentPrincipal() caller: UserPrincipal, @Body() body: NewToken): Promise<LoginAnswer> {
    return { token: await this.appTokens.createToken(caller, body) };
  }

  @Get()
  @UserTokenRequired()
  @ApiOperation({
    summary: 'List user tokens',
    description: 'Your own, for an admin all, newest first, a hundred a page. `Link` (RFC 8288) names the next page.',
  })
  @ApiCursor()
  @ApiOkResponse({ type: TokenList, headers: LINK })
  @ApiErrors('app-token', badHeaders(), badCursor())
  async list(
    @CurrentPrincipal() caller: UserPrincipal,
    @Query('cursor') cursor: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TokenList> {
    const { records, next } = await this.appTokens.list(caller, 'user', cursor);
    linkToNext(reply, next);
    return { tokens: records.map(toTokenView) };
  }

  @Get(':name')
  @UserTokenRequired()
  @ApiOperation({ summary: 'Show one user token', description: 'Never the secret.' })
  @ApiParam(NAME)
  @ApiOkResponse({ type: TokenView })
  @ApiErrors('app-token', badHeaders(), 'not_found')
  async get(@CurrentPrincipal() caller: UserPrincipal, @Param('name') name: string): Promise<TokenView> {
    return toTokenView(await this.appTokens.get(caller, 'user', name));
  }

  @Patch(':name')
  @UserTokenRequired()
  @ApiOperation({
    summary: 'Change when one expires',
    description: 'Counted from now; zero or less expires it at once. A token cannot lengthen its own life.',
  })
  @ApiParam(NAME)
  @ApiOkResponse({ type: TokenView })
  @ApiErrors('app-token', ...BODY_ERRORS, badExpiry(), badHeaders(), longerLifeForbidden(), 'not_found')
  async changeExpiry(
    @CurrentPrincipal() caller: UserPrincipal,
    @Param('name') name: string,
    @Body() { seconds_until_expire }: Expiry,
  ): Promise<TokenView> {
    return toTokenView(await this.appTokens.changeExpiry(caller, 'user', name, seconds_until_expire));
  }

  @Delete(':name')
  @HttpCode(204)
  @UserTokenRequired()
  @ApiOperation({ summary: 'Delete one user token', description: 'And all record of it.' })
  @ApiParam(NAME)
  @ApiNoContentResponse()
  @ApiErrors('app-token', ...UNUSED_BODY_ERRORS, badHeaders(), 'not_found')
  async remove(@CurrentPrincipal() caller: UserPrincipal, @Param('name') name: string): Promise<void> {
    await this.appTokens.remove(caller, 'user', name);
  }
}
