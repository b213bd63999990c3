import { Body, Controller, HttpCode, Ip, Post, Put } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { IgnoresUnknown, Proves, Public, SpeaksDialect } from '../access/access.js';
import { AccountView } from '../accounts/accounts.dto.js';
import { ApiErrors, BODY_ERRORS, CHANGE_ERRORS } from '../openapi/api-errors.js';
import { PasswordResetAnswer, PasswordResetBody, ResetRequestBody } from './password-resets.dto.js';
import { PasswordResets, unusableToken } from './password-resets.service.js';

@ApiTags('account')
@SpeaksDialect('account')
@IgnoresUnknown()
@Controller('account/password')
export class PasswordResetsController {
  constructor(private readonly resets: PasswordResets) {}

  @Post()
  @HttpCode(200)
  @Public({ limited: true })
  @ApiOperation({
    summary: 'Account Request Password',
    description:
      'Mails a link to choose a new password, at most once a minute. The response is the same whether or not an account ' +
      'has this email.',
  })
  @ApiOkResponse({ type: AccountView })
  @ApiErrors('account', ...BODY_ERRORS, 'rate_limited')
  request(@Body() { account }: ResetRequestBody): Promise<AccountView> {
    return this.resets.request(account.email);
  }

  @Put()
  @Proves('link')
  @Public({ limited: true })
  @ApiOperation({
    summary: 'Account Reset Password',
    description:
      'Sets a new password with the single-use token from the mail, and ends all sessions of the account. A password that ' +
      'is refused does not use up the token.',
  })
  @ApiOkResponse({ type: PasswordResetAnswer })
  @ApiErrors('account', ...CHANGE_ERRORS, unusableToken(), 'rate_limited')
  redeem(@Body() { account }: PasswordResetBody, @Ip() address: string): Promise<PasswordResetAnswer> {
    return this.resets.redeem(account, address);
  }
}
