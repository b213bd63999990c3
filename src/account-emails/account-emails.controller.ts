import { Body, Controller, HttpCode, Post, Put } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Public, SpeaksDialect } from '../access/access.js';
import { AccountView } from '../accounts/accounts.dto.js';
import { ApiErrors, BODY_ERRORS } from '../openapi/api-errors.js';
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
    summary: 'Request a link that verifies an email',
    description:
      'Mails a link to the account with this email, if it is not verified, at most one for each address and minute. The ' +
      'answer is the same whether or not there is one.',
  })
  @ApiOkResponse({ type: AccountView })
  @ApiErrors('account', ...BODY_ERRORS, 'rate_limited')
  request(@Body() { account }: ResetRequestBody): Promise<AccountView> {
    return this.emails.requestVerification(account.email);
  }

  @Put()
  @Public({ limited: true })
  @ApiOperation({ summary: 'Verify an email', description: 'With the token from the link in the mail, once.' })
  @ApiOkResponse({ type: AccountView })
  @ApiErrors('account', ...BODY_ERRORS, unusableLink('verify'), 'rate_limited')
  verify(@Body() { account }: EmailVerificationBody): Promise<AccountView> {
    return this.emails.verify(account.verify_email_token);
  }

  @Put('undo')
  @Public({ limited: true })
  @ApiOperation({
    summary: 'Undo a change of email',
    description:
      'With the token from the mail that told the old address, once, within 48 hours. Brings the email back, ends every ' +
      'session and token of the account, takes away its password, and mails a link to choose a new one.',
  })
  @ApiOkResponse({ type: AccountView })
  @ApiErrors('account', ...BODY_ERRORS, unusableLink('undo'), 'conflict', 'rate_limited')
  undo(@Body() { account }: EmailUndoBody): Promise<AccountView> {
    return this.emails.undoChange(account.undo_email_token);
  }
}
