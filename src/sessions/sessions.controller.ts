import { Body, Controller, Delete, HttpCode, Ip, Param, Post, Put } from '@nestjs/common';
import {
  ApiCreatedResponse,
  ApiExtraModels,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
  getSchemaPath,
} from '@nestjs/swagger';
import { CurrentPrincipal, Public, SessionRequired, SpeaksDialect } from '../access/access.js';
import type { SessionPrincipal } from '../access/principal.js';
import { AccountView, EXAMPLE_ID } from '../accounts/accounts.dto.js';
import { wrongCredentials } from '../passwords/password-checks.service.js';
import { unverified } from '../errors/common-errors.js';
import { ApiErrors, BODY_ERRORS, UNUSED_BODY_ERRORS } from '../openapi/api-errors.js';
import { CredentialsBody, RefreshBody, TokenAnswer } from './sessions.dto.js';
import { badRefreshToken, Sessions, signupClosed } from './sessions.service.js';

/** A session's token; or, while the email has to be verified, only whose account it is. */
const TOKEN_OR_ACCOUNT = {
  schema: { oneOf: [{ $ref: getSchemaPath(TokenAnswer) }, { $ref: getSchemaPath(AccountView) }] },
};

@ApiTags('account')
@SpeaksDialect('account')
@Controller()
export class SessionsController {
  constructor(private readonly sessions: Sessions) {}

  @Post('accounts')
  @Public({ limited: true })
  @ApiOperation({
    summary: 'Account Create',
    description:
      'Creates an account and signs it in. With EMAIL_VERIFICATION=required it mails a link instead, and answers whose ' +
      'account it is; see `PUT /account/email`. With SIGNUP=invite or closed it is refused.',
  })
  @ApiExtraModels(TokenAnswer, AccountView)
  @ApiCreatedResponse(TOKEN_OR_ACCOUNT)
  @ApiErrors('account', ...BODY_ERRORS, signupClosed(), 'conflict', 'rate_limited')
  signUp(@Body() { account }: CredentialsBody): Promise<TokenAnswer | AccountView> {
    return this.sessions.signUp(account);
  }

  @Post('account/session')
  @HttpCode(200)
  @Public({ limited: true })
  @ApiOperation({ summary: 'Account Sign In', description: 'Opens a session.' })
  @ApiOkResponse({ type: TokenAnswer })
  @ApiErrors('account', ...BODY_ERRORS, wrongCredentials(), unverified(), 'rate_limited')
  signIn(@Body() { account }: CredentialsBody, @Ip() address: string): Promise<TokenAnswer> {
    return this.sessions.signIn(account, address);
  }

  @Put('account/session')
  @Public({ limited: true })
  @ApiOperation({
    summary: 'Account Get new token',
    description:
      'Exchanges a refresh token for a new JWT. With `remember_me` the next refresh token comes with it; without, ' +
      'the session cannot be refreshed again. Showing the previous refresh token again within ten seconds gives the ' +
      'same successor; any other reuse ends the session.',
  })
  @ApiOkResponse({ type: TokenAnswer })
  @ApiErrors('account', ...BODY_ERRORS, badRefreshToken(), 'rate_limited')
  refresh(@Body() { account }: RefreshBody): Promise<TokenAnswer> {
    return this.sessions.refresh(account);
  }

  @Delete('account/session')
  @SessionRequired()
  @ApiOperation({ summary: 'Account Delete all tokens', description: 'Ends every session of the account.' })
  @ApiOkResponse({ type: AccountView })
  @ApiErrors('account', ...UNUSED_BODY_ERRORS, 'unauthorized', 'rate_limited')
  signOut(@CurrentPrincipal() principal: SessionPrincipal): Promise<AccountView> {
    return this.sessions.signOut(principal);
  }

  @Put('accounts/:id')
  @SessionRequired()
  @ApiOperation({
    summary: 'Account Update',
    description:
      'Gives the account a new email and password. Ends all its sessions and opens a new one; with ' +
      'EMAIL_VERIFICATION=required not before a new email is verified. The old address is told, with a link that undoes ' +
      'it within 48 hours.',
  })
  @ApiParam({ name: 'id', description: 'The id of the account', format: 'uuid', example: EXAMPLE_ID })
  @ApiOkResponse(TOKEN_OR_ACCOUNT)
  @ApiErrors('account', ...BODY_ERRORS, 'unauthorized', 'not_found', 'conflict', 'rate_limited')
  update(
    @CurrentPrincipal() principal: SessionPrincipal,
    @Param('id') id: string,
    @Body() { account }: CredentialsBody,
  ): Promise<TokenAnswer | AccountView> {
    return this.sessions.changeCredentials(principal, id, account);
  }
}
