import { Controller, Get, Header, Req } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiTokenRequired, IgnoresUnknown, type RequestBy, SpeaksDialect } from '../access/access.js';
import type { GatewayPrincipal } from '../access/principal.js';
import { badApiToken, noApiToken } from '../access/refusals.js';
import { ApiErrors } from '../openapi/api-errors.js';
import { AuthAnswer, EXAMPLE_TOKEN_LINK, toAuthAnswer } from './api-tokens.dto.js';

@ApiTags('publicauth')
@SpeaksDialect('publicauth')
@IgnoresUnknown()
@Controller()
export class AuthController {
  @Get(['v1/api/auth', 'v1/auth'])
  @ApiTokenRequired()
  @Header('Cache-Control', 'no-store')
  @ApiOperation({
    summary: 'Look up the account ID for a token',
    description:
      'Answers for a valid API token; `/v1/auth` is the same as `/v1/api/auth`. A 401 has an `error_identifier`: ' +
      '`AUTH_TOKEN_REVOKED`, with the `token_link`, for a token that has been revoked and is still stored (TOKEN_RETENTION); ' +
      'otherwise `AUTH_TOKEN_INVALID`.',
  })
  @ApiOkResponse({ type: AuthAnswer })
  @ApiErrors('publicauth', badApiToken(), badApiToken(EXAMPLE_TOKEN_LINK), noApiToken())
  authenticate(@Req() { principal }: RequestBy<GatewayPrincipal>): AuthAnswer {
    return toAuthAnswer(principal);
  }
}
