import { Body, Controller, Delete, Get, Param, Query, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { type RequestBy, SpeaksDialect } from '../access/access.js';
import type { AppPrincipal } from '../access/principal.js';
import {
  ApiTokenList,
  ApiTokenView,
  EXAMPLE_SERVICE,
  Revocation,
  RevocationAnswer,
  toApiTokenView,
  toRevocationAnswer,
} from './api-tokens.dto.js';
import { ApiTokens } from './api-tokens.service.js';
import {
  filterOf,
  ListsTokens,
  ofService,
  RevokesAllTokens,
  RevokesToken,
  ShowsToken,
  type ListQuery,
} from './token-holders.js';

const SERVICE = {
  whose: 'a service, in one of its modes',
  params: [
    { name: 'service_external_id', description: 'Any text, percent-encoded', example: EXAMPLE_SERVICE },
    { name: 'mode', description: '`live` or `test`, in capitals or not', example: 'live' },
  ],
};

/** Like the routes of an account, for the tokens that were made for a service of the gateway. */
@ApiTags('publicauth')
@SpeaksDialect('publicauth')
@Controller('v1/frontend/auth/service/:service_external_id/mode/:mode')
export class ServiceTokensController {
  constructor(private readonly apiTokens: ApiTokens) {}

  @Get()
  @ListsTokens(SERVICE)
  async list(
    @Param('service_external_id') id: string,
    @Param('mode') mode: string,
    @Query() query: ListQuery,
  ): Promise<ApiTokenList> {
    return { tokens: (await this.apiTokens.list(ofService(id, mode), filterOf(query))).map(toApiTokenView) };
  }

  @Delete()
  @RevokesToken(SERVICE)
  async revoke(
    @Param('service_external_id') id: string,
    @Param('mode') mode: string,
    @Body() body: Revocation,
    @Req() { principal: app }: RequestBy<AppPrincipal | undefined>,
  ): Promise<RevocationAnswer> {
    return toRevocationAnswer(await this.apiTokens.revoke(ofService(id, mode), body, app));
  }

  @Get(':token_link')
  @ShowsToken(SERVICE)
  async get(
    @Param('service_external_id') id: string,
    @Param('mode') mode: string,
    @Param('token_link') tokenLink: string,
  ): Promise<ApiTokenView> {
    return toApiTokenView(await this.apiTokens.get(ofService(id, mode), tokenLink));
  }

  @Delete('revoke-all')
  @RevokesAllTokens(SERVICE)
  async revokeAll(
    @Param('service_external_id') id: string,
    @Param('mode') mode: string,
    @Req() { principal: app }: RequestBy<AppPrincipal | undefined>,
  ): Promise<object> {
    await this.apiTokens.revokeAll(ofService(id, mode), app);
    return {};
  }
}
