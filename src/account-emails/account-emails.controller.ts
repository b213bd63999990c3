import { Body, Controller, HttpCode, Post, Put, Req } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Proves, Public, type RequestBy, SpeaksDialect } from '../access/access.js';
import { AccountView } from '../accounts/accounts.dto.js';
import { takenEmail } from '../errors/common-errors.js';
import { ApiErrors, BODY_ERRORS, CHANGE_ERRORS } from '../openapi/api-errors.js';
import { ResetRequestBody } from '../password-resets/password-resets.dto.js';
import { EmailUndoBody, EmailVerificationBody } from './account-emails.dto.js';
import { AccountEmails } from './account-emails.service.js';
import { EmailProofs, invited, noWill, wrongWill } from './email-proofs.service.js';
import { unusableLink } from './refused-links.service.js';
import { signupClosed } from '../sessions/sessions.service.js';
import type { SessionPrincipal } from '../access/principal.js';

@ApiTags('account')
@SpeaksDialect('account')
@Controller('account/email')
export class AccountEmailsController {
  constructor(
    private readonly emails: AccountEmails,
    private readonly proofs: EmailProofs,
  ) {}

  @Post()
  @HttpCode(200)
  @Public({ limited: true })
  @ApiOperation({
    summary: 'Request an email verification link',
    description:
      'Mails a link to the account with this email unless it is verified, or to whoever last signed up with it or changed ' +
      'to it and has not confirmed that; at most once a minute. The response is the ' +
      'same whether or not an account has this email.',
  })
  @ApiOkResponse({ type: AccountView })
  @ApiErrors('account', ...BODY_ERRORS, 'rate_limited')
  request(@Body() { account }: ResetRequestBody): Promise<AccountView> {
    return this.emails.requestVerification(account.email);
  }

  @Put()
  @Proves('link')
  @Public({ limited: true, session: true })
  @ApiOperation({
    summary: 'Verify an email',
    description:
      'With the single-use token from the link in the mail, and with the password that was chosen at sign-up or that of the ' +
      'account; instead of the password, a session of the account will do. With EMAIL_VERIFICATION=required, this is what ' +
      'creates the account of a sign-up, and what makes a change of email take effect.',
  })
  @ApiOkResponse({ type: AccountView })
  @ApiErrors(
    'account',
    ...CHANGE_ERRORS,
    unusableLink('verify'),
    noWill(),
    wrongWill(),
    'unauthorized',
    signupClosed(),
    takenEmail(),
    invited(),
    'rate_limited',
  )
  verify(
    @Body() { account }: EmailVerificationBody,
    @Req() { principal: caller }: RequestBy<SessionPrincipal | undefined>,
  ): Promise<AccountView> {
    return this.proofs.redeem(account, caller);
  }

  @Put('undo')
  @Proves('link')
  @Public({ limited: true })
  @ApiOperation({
    summary: 'Undo a change of email',
    description:
      'With the single-use token from the mail that notified the old address, within 48 hours. Restores the email, ' +
      'revokes every session and token of the account, removes its password, and mails a link to choose a new one.',
  })
  @ApiOkResponse({ type: AccountView })
  @ApiErrors('account', ...CHANGE_ERRORS, unusableLink('undo'), 'conflict', 'rate_limited')
  undo(@Body() { account }: EmailUndoBody): Promise<AccountView> {
    return this.emails.undoChange(account.undo_email_token);
  }
}
