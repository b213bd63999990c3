import { Body, Controller, Delete, Param, Patch, Post, Query, Req } from '@nestjs/common';
import { ApiCreatedResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { type RequestBy, SpeaksDialect, UserTokenRequired } from '../access/access.js';
import type { UserPrincipal } from '../access/principal.js';
import { badHeaders } from '../access/refusals.js';
import { Idempotent, IDEMPOTENCY_ERRORS } from '../idempotency/idempotent.js';
import { ApiErrors, BODY_ERRORS } from '../openapi/api-errors.js';
import {
  AppTokenAnswer,
  AppTokenChange,
  AppTokenList,
  AppTokenView,
  Cascade,
  EXAMPLE_APP_TOKEN,
  NewAppToken,
  toAppTokenView,
} from './app-tokens.dto.js';
import { notOnBehalf, REAUTHENTICATION_ERRORS } from '../sessions/reauthentication.service.js';
import { badExpiry, cascadeWithoutEnd, networksMissing, scopesForbidden, tooManyAppTokens } from './refusals.js';
import { ChangesToken, DeletesToken, tokenRoutes } from './token-routes.js';

const SHOWN = {
  noun: 'application token',
  example: EXAMPLE_APP_TOKEN,
  view: AppTokenView,
  list: AppTokenList,
  toView: toAppTokenView,
  toList: (tokens: AppTokenView[]): AppTokenList => ({ app_tokens: tokens }),
};

const AppTokenRoutes = tokenRoutes('app', SHOWN);

const CASCADE =
  'With `cascade=true` the user tokens that were got through it end too, whoever has them; App-Tokens and API tokens that were ' +
  'made with it do not.';

@ApiTags('app-token')
@SpeaksDialect('app-token')
@Controller('api/v1/app_tokens')
export class AppTokensController extends AppTokenRoutes {
  @Post()
  @UserTokenRequired()
  @Idempotent()
  @ApiOperation({
    summary: 'Create an application token',
    description:
      'Expires in about 200 years by default; with a token on behalf of another account, when that one does, at the latest. ' +
      'An account has MAX_APP_TOKENS_PER_ACCOUNT at most; one more is 409. With ' +
      'REAUTHENTICATE_AFTER, `current_password` may be needed.',
  })
  @ApiCreatedResponse({ type: AppTokenAnswer })
  @ApiErrors(
    'app-token',
    ...IDEMPOTENCY_ERRORS,
    ...BODY_ERRORS,
    badExpiry(),
    badHeaders(),
    networksMissing(),
    scopesForbidden(),
    ...REAUTHENTICATION_ERRORS,
    notOnBehalf(),
    tooManyAppTokens(),
    'rate_limited',
  )
  async create(
    @Req() { principal: caller }: RequestBy<UserPrincipal>,
    @Body() body: NewAppToken,
  ): Promise<AppTokenAnswer> {
    return { app_token: await this.appTokens.createAppToken(caller, body) };
  }

  @Patch(':name')
  @ChangesToken(SHOWN, { what: `Or changes its name. ${CASCADE}`, errors: [cascadeWithoutEnd()] })
  async change(
    @Req() { principal: caller }: RequestBy<UserPrincipal>,
    @Param('name') name: string,
    @Body() body: AppTokenChange,
    @Query() query: Cascade,
  ): Promise<AppTokenView> {
    return toAppTokenView(await this.appTokens.changeAppToken(caller, name, body, query));
  }

  @Delete(':name')
  @DeletesToken(SHOWN, CASCADE)
  async remove(
    @Req() { principal: caller }: RequestBy<UserPrincipal>,
    @Param('name') name: string,
    @Query() query: Cascade,
  ): Promise<void> {
    await this.appTokens.remove(caller, 'app', name, query);
  }
}
