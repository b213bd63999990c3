import { Body, Controller, Delete, Param, Patch, Post, Req } from '@nestjs/common';
import { ApiCreatedResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { type RequestBy, SpeaksDialect, UserTokenRequired } from '../access/access.js';
import type { UserPrincipal } from '../access/principal.js';
import { badHeaders } from '../access/refusals.js';
import { Idempotent, IDEMPOTENCY_ERRORS } from '../idempotency/idempotent.js';
import { ApiErrors, BODY_ERRORS } from '../openapi/api-errors.js';
import { EXAMPLE_TOKEN, Expiry, LoginAnswer, NewToken, TokenList, TokenView, toTokenView } from './app-tokens.dto.js';
import { badUser, onBehalfForbidden, onOwnBehalf } from './refusals.js';
import { ChangesToken, DeletesToken, tokenRoutes } from './token-routes.js';

const SHOWN = {
  noun: 'user token',
  example: EXAMPLE_TOKEN,
  view: TokenView,
  list: TokenList,
  toView: toTokenView,
  toList: (tokens: TokenView[]): TokenList => ({ tokens }),
};

const UserTokenRoutes = tokenRoutes('user', SHOWN);

@ApiTags('app-token')
@SpeaksDialect('app-token')
@Controller('api/v1/tokens')
export class UserTokensController extends UserTokenRoutes {
  @Post()
  @UserTokenRequired()
  @Idempotent()
  @ApiOperation({
    summary: 'Create a token on behalf of another user',
    description:
      'Admins only. Expires after USER_TOKEN_TTL seconds by default, which is a day unless configured otherwise, and after ' +
      'USER_TOKEN_MAX_TTL at the latest. What is created with it (application tokens, tokens on behalf of others, OAuth2 ' +
      'clients and their secrets) names both accounts and ends with it.',
  })
  @ApiCreatedResponse({ type: LoginAnswer })
  @ApiErrors(
    'app-token',
    ...IDEMPOTENCY_ERRORS,
    ...BODY_ERRORS,
    badUser(),
    onOwnBehalf(),
    badHeaders(),
    onBehalfForbidden(),
    'rate_limited',
  )
  async create(@Req() { principal: caller }: RequestBy<UserPrincipal>, @Body() body: NewToken): Promise<LoginAnswer> {
    return { token: await this.appTokens.createToken(caller, body) };
  }

  @Patch(':name')
  @ChangesToken(SHOWN)
  async changeExpiry(
    @Req() { principal: caller }: RequestBy<UserPrincipal>,
    @Param('name') name: string,
    @Body() { seconds_until_expire }: Expiry,
  ): Promise<TokenView> {
    return toTokenView(await this.appTokens.change(caller, 'user', name, { seconds: seconds_until_expire }));
  }

  @Delete(':name')
  @DeletesToken(SHOWN)
  async remove(@Req() { principal: caller }: RequestBy<UserPrincipal>, @Param('name') name: string): Promise<void> {
    await this.appTokens.remove(caller, 'user', name);
  }
}
