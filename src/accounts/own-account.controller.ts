import { Body, Controller, Get, Patch, Req } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { type RequestBy, SessionRequired, SpeaksDialect } from '../access/access.js';
import type { SessionPrincipal } from '../access/principal.js';
import { ConditionalChange, IF_MATCH_ERRORS } from '../http/if-match.js';
import { ApiErrors, CHANGE_ERRORS, unknownParameter } from '../openapi/api-errors.js';
import { OwnAccountAnswer, OwnAccountChangeBody, toOwnAccountAnswer } from './own-account.dto.js';
import { OwnAccount } from './own-account.service.js';

@ApiTags('account')
@SpeaksDialect('account')
@Controller('account')
export class OwnAccountController {
  constructor(private readonly account: OwnAccount) {}

  @Get()
  @SessionRequired()
  @ApiOperation({
    summary: 'Show your account',
    description: 'The account of the session, with the language of its mails.',
  })
  @ApiOkResponse({ type: OwnAccountAnswer })
  @ApiErrors('account', 'unauthorized', unknownParameter())
  async get(@Req() { principal: session }: RequestBy<SessionPrincipal>): Promise<OwnAccountAnswer> {
    return toOwnAccountAnswer(await this.account.get(session));
  }

  @Patch()
  @SessionRequired()
  @ConditionalChange()
  @ApiOperation({
    summary: 'Change the language of your mails',
    description: 'Ends no session. Email and password are changed with `PUT /accounts/{id}`.',
  })
  @ApiOkResponse({ type: OwnAccountAnswer })
  @ApiErrors('account', ...CHANGE_ERRORS, ...IF_MATCH_ERRORS, unknownParameter(), 'unauthorized', 'rate_limited')
  async change(
    @Req() { principal: session }: RequestBy<SessionPrincipal>,
    @Body() { account }: OwnAccountChangeBody,
  ): Promise<OwnAccountAnswer> {
    return toOwnAccountAnswer(await this.account.change(session, account));
  }
}
