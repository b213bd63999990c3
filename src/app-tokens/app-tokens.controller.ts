import { Body, Controller, Post } from '@nestjs/common';
import { ApiCreatedResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentPrincipal, SpeaksDialect, UserTokenRequired } from '../access/access.js';
import type { UserPrincipal } from '../access/principal.js';
import { badHeaders } from '../access/refusals.js';
import { Idempotent, IDEMPOTENCY_ERRORS } from '../idempotency/idempotent.js';
import { ApiErrors, BODY_ERRORS } from '../openapi/api-errors.js';
import {
  AppTokenAnswer,
  AppTokenList,
  AppTokenView,
  EXAMPLE_APP_TOKEN,
  NewAppToken,
  toAppTokenView,
} from './app-tokens.dto.js';
import { notOnBehalf, REAUTHENTICATION_ERRORS } from '../sessions/reauthentication.service.js';
import { badExpiry, networksMissing, scopesForbidden, tooManyAppTokens } from './refusals.js';
import { tokenRoutes } from './token-routes.js';

const AppTokenRoutes = tokenRoutes('app', {
  noun: 'application token',
  example: EXAMPLE_APP_TOKEN,
  view: AppTokenView,
  list: AppTokenList,
  toView: toAppTokenView,
  toList: (tokens): AppTokenList => ({ app_tokens: tokens }),
});

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
  async create(@CurrentPrincipal() caller: UserPrincipal, @Body() body: NewAppToken): Promise<AppTokenAnswer> {
    return { app_token: await this.appTokens.createAppToken(caller, body) };
  }
}
