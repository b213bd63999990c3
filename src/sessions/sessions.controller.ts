import { Body, Controller, Delete, HttpCode, Ip, Post, Put, Req } from '@nestjs/common';
import {
  ApiBody,
  ApiCreatedResponse,
  ApiExtraModels,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
  getSchemaPath,
} from '@nestjs/swagger';
import { IgnoresUnknown, Proves, Public, type RequestBy, SessionRequired, SpeaksDialect } from '../access/access.js';
import type { SessionPrincipal } from '../access/principal.js';
import { AccountView, EXAMPLE_ID } from '../accounts/accounts.dto.js';
import { wrongCredentials } from '../passwords/password-checks.service.js';
import { tooManyAttempts, tooManyRequests } from '../errors/api-error.js';
import { passwordExpired, unverified } from '../errors/common-errors.js';
import { Idempotent, IDEMPOTENCY_ERRORS } from '../idempotency/idempotent.js';
import { ApiErrors, BODY_ERRORS, CHANGE_ERRORS } from '../openapi/api-errors.js';
import { CredentialChanges } from './credential-changes.service.js';
import { ConfirmationBody } from './reauthentication.dto.js';
import { currentPasswordNeeded, REAUTHENTICATION_ERRORS } from './reauthentication.service.js';
import { ChangedCredentialsBody, CredentialsBody, RefreshBody, SignInBody, TokenAnswer } from './sessions.dto.js';
import { badRefreshToken, Sessions, signupClosed } from './sessions.service.js';
import { AccountIdParam, ApiAccountId } from '../http/account-ids.js';
import { ConditionalChange, IF_MATCH_ERRORS } from '../http/if-match.js';

/** The tokens of a session or, while the email has to be verified, only the account. */
const TOKEN_OR_ACCOUNT = {
  schema: { oneOf: [{ $ref: getSchemaPath(TokenAnswer) }, { $ref: getSchemaPath(AccountView) }] },
};

@ApiTags('account')
@SpeaksDialect('account')
@IgnoresUnknown()
@Controller()
export class SessionsController {
  constructor(
    private readonly sessions: Sessions,
    private readonly credentialChanges: CredentialChanges,
  ) {}

  @Post('accounts')
  @Public({ limited: true })
  @Idempotent()
  @ApiOperation({
    summary: 'Account Create',
    description:
      'Creates an account and signs it in. With EMAIL_VERIFICATION=required, it mails a link instead, with which ' +
      '`PUT /account/email` creates the account; the response is the same for an email that has one already, whose holder ' +
      'is told so by mail. Only available with SIGNUP=open.',
  })
  @ApiExtraModels(TokenAnswer, AccountView)
  @ApiCreatedResponse(TOKEN_OR_ACCOUNT)
  @ApiErrors('account', ...IDEMPOTENCY_ERRORS, ...BODY_ERRORS, signupClosed(), 'conflict', 'rate_limited')
  signUp(@Body() { account }: CredentialsBody): Promise<TokenAnswer | AccountView> {
    return this.sessions.signUp(account);
  }

  @Post('account/session')
  @Proves('password')
  @HttpCode(200)
  @Public({ limited: true })
  @ApiOperation({ summary: 'Account Sign In', description: 'Opens a session.' })
  @ApiOkResponse({ type: TokenAnswer })
  @ApiErrors(
    'account',
    ...BODY_ERRORS,
    wrongCredentials(),
    unverified(),
    passwordExpired(),
    tooManyRequests(60),
    tooManyAttempts(60),
  )
  signIn(@Body() { account }: SignInBody, @Ip() address: string): Promise<TokenAnswer> {
    return this.sessions.signIn(account, address);
  }

  @Put('account/session')
  @Proves('refresh_token')
  @Public({ limited: true })
  @ApiOperation({
    summary: 'Account Get new token',
    description:
      'Exchanges a refresh token for a new JWT. With `remember_me` the next refresh token comes with it; without, ' +
      'the session cannot be refreshed again. When the answer is lost, show the same refresh token again: it gives the ' +
      'same successor for ten seconds, and later a new one, which replaces the one that was lost. Showing a refresh token ' +
      'that was replaced, or an older one, ends the session.',
  })
  @ApiOkResponse({ type: TokenAnswer })
  @ApiErrors('account', ...CHANGE_ERRORS, badRefreshToken(), 'rate_limited')
  refresh(@Body() { account }: RefreshBody): Promise<TokenAnswer> {
    return this.sessions.refresh(account);
  }

  @Delete('account/session')
  @SessionRequired()
  @ApiOperation({
    summary: 'Account Delete all tokens',
    description:
      'Ends every session and user token of the account. With REAUTHENTICATE_AFTER, `current_password` may be needed if ' +
      'there are others than this one.',
  })
  @ApiBody({ type: ConfirmationBody, required: false })
  @ApiOkResponse({ type: AccountView })
  @ApiErrors('account', ...BODY_ERRORS, ...REAUTHENTICATION_ERRORS, 'unauthorized', 'rate_limited')
  signOut(
    @Req() { principal }: RequestBy<SessionPrincipal>,
    @Body() { account }: ConfirmationBody,
  ): Promise<AccountView> {
    return this.sessions.signOut(principal, account?.current_password);
  }

  @Put('accounts/:id')
  @SessionRequired()
  @ConditionalChange()
  @ApiOperation({
    summary: 'Account Update',
    description:
      'Sets a new email and password, ends all sessions of the account, and opens a new one. With ' +
      'EMAIL_VERIFICATION=required, a new email takes effect when `PUT /account/email` confirms it; until then the old one ' +
      'stays, and the response is the same for an email that another account has. The old address is notified of the ' +
      'change, with a link to undo it within 48 hours. With REAUTHENTICATE_AFTER or REQUIRE_CURRENT_PASSWORD, ' +
      '`current_password` may be needed.',
  })
  @ApiAccountId(EXAMPLE_ID)
  @ApiOkResponse(TOKEN_OR_ACCOUNT)
  @ApiErrors(
    'account',
    ...CHANGE_ERRORS,
    ...IF_MATCH_ERRORS,
    currentPasswordNeeded(),
    ...REAUTHENTICATION_ERRORS,
    'unauthorized',
    'not_found',
    'conflict',
    'rate_limited',
  )
  update(
    @Req() { principal }: RequestBy<SessionPrincipal>,
    @AccountIdParam() id: string,
    @Body() { account }: ChangedCredentialsBody,
  ): Promise<TokenAnswer | AccountView> {
    return this.credentialChanges.change(principal, id, account);
  }
}
