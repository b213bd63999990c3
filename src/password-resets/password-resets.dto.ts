import { ApiPropertyOptional } from '@nestjs/swagger';
import { Email } from '../accounts/account-fields.dto.js';
import { NewPassword } from '../passwords/passwords.dto.js';
import { AccountView } from '../accounts/accounts.dto.js';
import { LONGEST_TOKEN, Nested, Text } from '../http/fields.js';
import { EXAMPLE_JWT, EXAMPLE_REFRESH_TOKEN, RememberMe } from '../sessions/sessions.dto.js';

const EXAMPLE_RESET_TOKEN = '5b0f3e5c-2b1d-4c8e-9a51-7d3f6e0c4b2a.1f2e3d4c.Zk1mYV9fN2x3bUhQc2pMa0pIZ2ZkcXdlcnR5dWlvcGE';

export class ResetRequest {
  @Email()
  email!: string;
}

export class ResetRequestBody {
  @Nested(() => ResetRequest)
  account!: ResetRequest;
}

export class PasswordReset extends RememberMe {
  @NewPassword({ description: 'The new password: PASSWORD_MIN_LENGTH to 256 characters, counted in NFC' })
  password!: string;

  @Text({ description: 'From the link in the mail', maxLength: LONGEST_TOKEN, example: EXAMPLE_RESET_TOKEN })
  reset_password_token!: string;
}

export class PasswordResetBody {
  @Nested(() => PasswordReset)
  account!: PasswordReset;
}

/** The account and, with `remember_me`, the tokens of a new session. */
export class PasswordResetAnswer extends AccountView {
  @ApiPropertyOptional({ description: 'With `remember_me: true` only', example: EXAMPLE_JWT })
  token?: string;

  @ApiPropertyOptional({ description: 'With `remember_me: true` only', example: EXAMPLE_REFRESH_TOKEN })
  refresh_token?: string;
}
