import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsBoolean, IsEmail, IsObject, IsString, ValidateIf, ValidateNested } from 'class-validator';
import { EXAMPLE_EMAIL } from '../accounts/accounts.dto.js';
import { PASSWORD_MAX_BYTES } from '../accounts/password-hasher.js';
import { HasAtMostBytes, MaxLength, MUST_BE_EMAIL, MUST_BE_OBJECT, MUST_BE_STRING } from '../http/validation.js';

export const EXAMPLE_JWT = 'eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzUxMiIsImtpZCI6Ik56YiJ9.eyJkYXRhIjp7fX0.SuAAhWPz_7Vf';
export const EXAMPLE_REFRESH_TOKEN =
  '0b6c6a1e-6a5f-4d0e-9f7e-0f1f6f3f7d55.0.1f2e3d4c.Zk1mYV9fN2x3bUhQc2pMa0pIZ2ZkcXdlcnR5dWlvcGFzZGY';

/** `remember_me`: optional, but null or a word is a mistake. */
export class RememberMe {
  @ApiPropertyOptional({ description: 'Give a refresh token too', example: true, default: false })
  @ValidateIf((_, value) => value !== undefined)
  @IsBoolean({ message: 'must be true or false' })
  remember_me?: boolean;
}

export class Credentials extends RememberMe {
  @ApiProperty({ format: 'idn-email', maxLength: 254, example: EXAMPLE_EMAIL })
  @MaxLength(254, MUST_BE_EMAIL)
  @IsEmail({}, MUST_BE_EMAIL)
  @IsString(MUST_BE_STRING)
  email!: string;

  @ApiProperty({ description: 'PASSWORD_MIN_LENGTH characters to 72 bytes', example: 'example' })
  @HasAtMostBytes(PASSWORD_MAX_BYTES)
  @IsString(MUST_BE_STRING)
  password!: string;
}

export class CredentialsBody {
  @ApiProperty()
  @Type(() => Credentials)
  @ValidateNested(MUST_BE_OBJECT)
  @IsObject(MUST_BE_OBJECT)
  account!: Credentials;
}

export class RefreshGrant extends RememberMe {
  @ApiProperty({ example: EXAMPLE_REFRESH_TOKEN })
  @IsString(MUST_BE_STRING)
  refresh_token!: string;
}

export class RefreshBody {
  @ApiProperty()
  @Type(() => RefreshGrant)
  @ValidateNested(MUST_BE_OBJECT)
  @IsObject(MUST_BE_OBJECT)
  account!: RefreshGrant;
}

export class TokenAnswer {
  @ApiProperty({ description: 'A JWT (RS512) for `Authorization: Bearer`', example: EXAMPLE_JWT })
  token!: string;

  @ApiPropertyOptional({ description: 'With `remember_me: true` only', example: EXAMPLE_REFRESH_TOKEN })
  refresh_token?: string;
}
