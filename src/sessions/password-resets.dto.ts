import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsEmail, IsObject, IsString, ValidateNested } from 'class-validator';
import { AccountView, EXAMPLE_EMAIL } from '../accounts/accounts.dto.js';
import { PASSWORD_MAX_BYTES } from '../accounts/password-hasher.js';
import { HasAtMostBytes, MaxLength, MUST_BE_EMAIL, MUST_BE_OBJECT, MUST_BE_STRING } from '../http/validation.js';
import { EXAMPLE_JWT, EXAMPLE_REFRESH_TOKEN, RememberMe } from './sessions.dto.js';

const EXAMPLE_RESET_TOKEN = '5b0f3e5c-2b1d-4c8e-9a51-7d3f6e0c4b2a.1f2e3d4c.Zk1mYV9fN2x3bUhQc2pMa0pIZ2ZkcXdlcnR5dWlvcGE';

export class ResetRequest {
  @ApiProperty({ format: 'idn-email', maxLength: 254, example: EXAMPLE_EMAIL })
  @MaxLength(254, MUST_BE_EMAIL)
  @IsEmail({}, MUST_BE_EMAIL)
  @IsString(MUST_BE_STRING)
  email!: string;
}

export class ResetRequestBody {
  @ApiProperty()
  @Type(() => ResetRequest)
  @ValidateNested(MUST_BE_OBJECT)
  @IsObject(MUST_BE_OBJECT)
  account!: ResetRequest;
}

export class PasswordReset extends RememberMe {
  @ApiProperty({ description: 'The new one: PASSWORD_MIN_LENGTH characters to 72 bytes', example: 'example' })
  @HasAtMostBytes(PASSWORD_MAX_BYTES)
  @IsString(MUST_BE_STRING)
  password!: string;

  @ApiProperty({ description: 'From the link in the mail', example: EXAMPLE_RESET_TOKEN })
  @IsString(MUST_BE_STRING)
  reset_password_token!: string;
}

export class PasswordResetBody {
  @ApiProperty()
  @Type(() => PasswordReset)
  @ValidateNested(MUST_BE_OBJECT)
  @IsObject(MUST_BE_OBJECT)
  account!: PasswordReset;
}

/** The account and, with `remember_me`, the tokens of a new session. */
export class PasswordResetAnswer extends AccountView {
  @ApiPropertyOptional({ description: 'With `remember_me: true` only', example: EXAMPLE_JWT })
  token?: string;

  @ApiPropertyOptional({ description: 'With `remember_me: true` only', example: EXAMPLE_REFRESH_TOKEN })
  refresh_token?: string;
}
