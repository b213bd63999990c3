import { Controller, Get, Header } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiTokenRequired, CurrentPrincipal, IgnoresUnknown, SpeaksDialect } from '../access/access.js';
import type { GatewayPrincipal } from '../access/principal.js';
import { badApiToken } from '../access/refusals.js';
import { ApiErrors } from '../openapi/api-errors.js';
import { AuthAnswer } from './api-tokens.dto.js';

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
    description: 'Answers for a valid API token; `/v1/auth` is the same as `/v1/api/auth`.',
  })
  @ApiOkResponse({ type: AuthAnswer })
  @ApiErrors('publicauth', badApiToken())
  authenticate(@CurrentPrincipal() { gatewayAccountId }: GatewayPrincipal): AuthAnswer {
    return { account_id: gatewayAccountId };
  }
}
