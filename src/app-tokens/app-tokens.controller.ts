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
import {
  AppTokenAnswer,
  AppTokenList,
  AppTokenView,
  EXAMPLE_APP_TOKEN,
  Expiry,
  NewAppToken,
  toAppTokenView,
} from './app-tokens.dto.js';
import { AppTokens } from './app-tokens.service.js';
import { badExpiry, longerLifeForbidden, scopesForbidden } from './refusals.js';

const NAME = { name: 'name', description: 'The token itself, or its id', example: EXAMPLE_APP_TOKEN };

@ApiTags('app-token')
@SpeaksDialect('app-token')
@Controller('api/v1/app_tokens')
export class AppTokensController {
  constructor(private readonly appTokens: AppTokens) {}

  @Post()
  @UserTokenRequired()
  @ApiOperation({
    summary: 'Create an application token',
    description: 'Expires in about 200 years unless told otherwise.',
  })
  @ApiCreatedResponse({ type: AppTokenAnswer })
  @ApiErrors('app-token', ...BODY_ERRORS, badExpiry(), badHeaders(), scopesForbidden())
  async create(@CurrentPrincipal() caller: UserPrincipal, @Body() body: NewAppToken): Promise<AppTokenAnswer> {
    return { app_token: await this.appTokens.createAppToken(caller, body) };
  }

  @Get()
  @UserTokenRequired()
  @ApiOperation({
    summary: 'List application tokens',
    description: 'Your own, for an admin all, newest first, a hundred a page. `Link` (RFC 8288) names the next page.',
  })
  @ApiCursor()
  @ApiOkResponse({ type: AppTokenList, headers: LINK })
  @ApiErrors('app-token', badHeaders(), badCursor())
  async list(
    @CurrentPrincipal() caller: UserPrincipal,
    @Query('cursor') cursor: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AppTokenList> {
    const { records, next } = await this.appTokens.list(caller, 'app', cursor);
    linkToNext(reply, next);
    return { app_tokens: records.map(toAppTokenView) };
  }

  @Get(':name')
  @UserTokenRequired()
  @ApiOperation({ summary: 'Show one application token', description: 'Never the secret.' })
  @ApiParam(NAME)
  @ApiOkResponse({ type: AppTokenView })
  @ApiErrors('app-token', badHeaders(), 'not_found')
  async get(@CurrentPrincipal() caller: UserPrincipal, @Param('name') name: string): Promise<AppTokenView> {
    return toAppTokenView(await this.appTokens.get(caller, 'app', name));
  }

  @Patch(':name')
  @UserTokenRequired()
  @ApiOperation({
    summary: 'Change when one expires',
    description: 'Counted from now; zero or less expires it at once. A token cannot lengthen its own life.',
  })
  @ApiParam(NAME)
  @ApiOkResponse({ type: AppTokenView })
  @ApiErrors('app-token', ...BODY_ERRORS, badExpiry(), badHeaders(), longerLifeForbidden(), 'not_found')
  async changeExpiry(
    @CurrentPrincipal() caller: UserPrincipal,
    @Param('name') name: string,
    @Body() { seconds_until_expire }: Expiry,
  ): Promise<AppTokenView> {
    return toAppTokenView(await this.appTokens.changeExpiry(caller, 'app', name, seconds_until_expire));
  }

  @Delete(':name')
  @HttpCode(204)
  @UserTokenRequired()
  @ApiOperation({ summary: 'Delete one application token', description: 'And all record of it.' })
  @ApiParam(NAME)
  @ApiNoContentResponse()
  @ApiErrors('app-token', ...UNUSED_BODY_ERRORS, badHeaders(), 'not_found')
  async remove(@CurrentPrincipal() caller: UserPrincipal, @Param('name') name: string): Promise<void> {
    await this.appTokens.remove(caller, 'app', name);
  }
}
