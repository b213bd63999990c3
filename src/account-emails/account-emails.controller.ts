import { Body, Controller, HttpCode, Post, Put } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Public, SpeaksDialect } from '../access/access.js';
import { AccountView } from '../accounts/accounts.dto.js';
import { ApiErrors, BODY_ERRORS, CHANGE_ERRORS } from '../openapi/api-errors.js';
import { ResetRequestBody } from '../password-resets/password-resets.dto.js';
import { EmailUndoBody, EmailVerificationBody } from './account-emails.dto.js';
import { AccountEmails, unusableLink } from './account-emails.service.js';

@ApiTags('account')
@SpeaksDialect('account')
@Controller('account/email')
export class AccountEmailsController {
  constructor(private readonly emails: AccountEmails) {}

  @Post()
  @HttpCode(200)
  @Public({ limited: true })
  @ApiOperation({
    summary: 'Request an email verification link',
    description:
      'Mails a link to the account with this email unless it is verified, at most once a minute. The response is the ' +
      'same whether or not an account has this email.',
  })
  @ApiOkResponse({ type: AccountView })
  @ApiErrors('account', ...BODY_ERRORS, 'rate_limited')
  request(@Body() { account }: ResetRequestBody): Promise<AccountView> {
    return this.emails.requestVerification(account.email);
  }

  @Put()
  @Public({ limited: true })
  @ApiOperation({ summary: 'Verify an email', description: 'With the single-use token from the link in the mail.' })
  @ApiOkResponse({ type: AccountView })
  @ApiErrors('account', ...CHANGE_ERRORS, unusableLink('verify'), 'rate_limited')
  verify(@Body() { account }: EmailVerificationBody): Promise<AccountView> {
    return this.emails.verify(account.verify_email_token);
  }

  @Put('undo')
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
