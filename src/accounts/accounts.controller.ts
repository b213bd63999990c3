import { Controller, Get, Param } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { CurrentPrincipal, SessionRequired, SpeaksDialect } from '../access/access.js';
import type { SessionPrincipal } from '../access/principal.js';
import { notFound } from '../errors/api-error.js';
import { ApiErrors } from '../errors/openapi.js';
import { AccountAnswer, EXAMPLE_ID } from './accounts.dto.js';

@ApiTags('account')
@SpeaksDialect('account')
@Controller('accounts')
export class AccountsController {
  @Get(':id')
  @SessionRequired()
  @ApiOperation({ summary: 'Account Info', description: 'The account that the session belongs to; no other is found.' })
  @ApiParam({ name: 'id', format: 'uuid', example: EXAMPLE_ID })
  @ApiOkResponse({ type: AccountAnswer })
  @ApiErrors('account', 'unauthorized', 'not_found')
  get(@Param('id') id: string, @CurrentPrincipal() { accountId, email }: SessionPrincipal): AccountAnswer {
    if (id.toLowerCase() !== accountId) throw notFound();
    return { data: { id: accountId, email } };
  }
}
