import { Body, Controller, HttpCode, Ip, Post } from '@nestjs/common';
import { ApiConsumes, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { AcceptsForms, AppTokenRequired, CurrentPrincipal, SpeaksDialect } from '../access/access.js';
import type { AppPrincipal } from '../access/principal.js';
import { badAppToken } from '../access/refusals.js';
import { wrongCredentials } from '../passwords/password-checks.service.js';
import { unverified } from '../errors/common-errors.js';
import { ApiErrors, BODY_ERRORS } from '../openapi/api-errors.js';
import { Login, LoginAnswer } from './app-tokens.dto.js';
import { AppTokens } from './app-tokens.service.js';
import { badUsername } from './refusals.js';

@ApiTags('app-token')
@SpeaksDialect('app-token')
@Controller('api/v1/token')
export class LoginController {
  constructor(private readonly appTokens: AppTokens) {}

  @Post()
  @HttpCode(200)
  @AppTokenRequired()
  @AcceptsForms()
  @ApiOperation({
    summary: 'Login',
    description: 'Returns a token for the `Token` header. It expires after USER_TOKEN_TTL seconds, a day by default.',
  })
  @ApiConsumes('application/x-www-form-urlencoded', 'application/json')
  @ApiOkResponse({ type: LoginAnswer })
  @ApiErrors(
    'app-token',
    ...BODY_ERRORS,
    badUsername(),
    badAppToken(),
    wrongCredentials(),
    unverified(),
    'rate_limited',
  )
  async logIn(
    @Body() login: Login,
    @CurrentPrincipal() app: AppPrincipal,
    @Ip() address: string,
  ): Promise<LoginAnswer> {
    return { token: await this.appTokens.logIn(login, app, address) };
  }
}
