import { Body, Controller, HttpCode, Ip, Post, Req } from '@nestjs/common';
import { ApiConsumes, ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { AcceptsForms, AppTokenRequired, Proves, type RequestBy, SpeaksDialect } from '../access/access.js';
import type { AppPrincipal } from '../access/principal.js';
import { badAppToken, badClientAddress, clientAddressForbidden } from '../access/refusals.js';
import { LONGEST_NETWORK } from '../accounts/networks.js';
import { wrongCredentials } from '../passwords/password-checks.service.js';
import { passwordExpired, unverified } from '../errors/common-errors.js';
import { Idempotent, IDEMPOTENCY_ERRORS } from '../idempotency/idempotent.js';
import { APP_TOKEN, tooManyAttempts, tooManyRequests } from '../errors/api-error.js';
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
  @Idempotent()
  @Proves('password')
  @AcceptsForms()
  @ApiOperation({
    summary: 'Login',
    description:
      'Returns a token for the `Token` header. It expires after USER_TOKEN_TTL seconds, a day by default. An App-Token with ' +
      'the scope `client-address` may pass on the address of its user, from its networks: wrong passwords are then counted ' +
      'there, within the application, and the audit log has it beside that of the application.',
  })
  @ApiHeader({
    name: 'X-Client-Address',
    description: 'The IP address of the user',
    required: false,
    schema: { type: 'string', maxLength: LONGEST_NETWORK },
  })
  @ApiConsumes('application/x-www-form-urlencoded', 'application/json')
  @ApiOkResponse({ type: LoginAnswer })
  @ApiErrors(
    'app-token',
    ...IDEMPOTENCY_ERRORS,
    ...BODY_ERRORS,
    badUsername(),
    badClientAddress(),
    badAppToken(),
    clientAddressForbidden(),
    wrongCredentials(APP_TOKEN),
    unverified(),
    passwordExpired(),
    tooManyRequests(60),
    tooManyAttempts(60),
  )
  async logIn(
    @Body() login: Login,
    @Req() { principal: app }: RequestBy<AppPrincipal>,
    @Ip() address: string,
  ): Promise<LoginAnswer> {
    return { token: await this.appTokens.logIn(login, app, address) };
  }
}
