import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Email } from '../accounts/account-fields.dto.js';
import { NewPassword, Password } from '../passwords/passwords.dto.js';
import { Flag, LONGEST_TOKEN, Nested, Text } from '../http/fields.js';
import { CurrentPassword } from './reauthentication.dto.js';

export const EXAMPLE_JWT = 'eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzUxMiIsImtpZCI6Ik56YiJ9.eyJkYXRhIjp7fX0.SuAAhWPz_7Vf';
export const EXAMPLE_REFRESH_TOKEN =
  '0b6c6a1e-6a5f-4d0e-9f7e-0f1f6f3f7d55.0.1f2e3d4c.Zk1mYV9fN2x3bUhQc2pMa0pIZ2ZkcXdlcnR5dWlvcGFzZGY';

/** `remember_me` is optional, but must be a boolean. */
export class RememberMe {
  @Flag({ description: 'Whether to return a refresh token', example: true, default: false, required: false })
  remember_me?: boolean;
}

export class Credentials extends RememberMe {
  @Email()
  email!: string;

  @NewPassword()
  password!: string;
}

/** What is shown to sign in: the password is checked, not chosen. */
export class SignIn extends RememberMe {
  @Email()
  email!: string;

  @Password()
  password!: string;
}

export class SignInBody {
  @Nested(() => SignIn)
  account!: SignIn;
}

export class ChangedCredentials extends Credentials {
  @CurrentPassword()
  current_password?: string;
}

export class ChangedCredentialsBody {
  @Nested(() => ChangedCredentials)
  account!: ChangedCredentials;
}

export class CredentialsBody {
  @Nested(() => Credentials)
  account!: Credentials;
}

export class RefreshGrant extends RememberMe {
  @Text({ maxLength: LONGEST_TOKEN, example: EXAMPLE_REFRESH_TOKEN })
  refresh_token!: string;
}

export class RefreshBody {
  @Nested(() => RefreshGrant)
  account!: RefreshGrant;
}

export class TokenAnswer {
  @ApiProperty({
    description: 'A JWT (RS512, or PS512 as the server is set), to be sent as a Bearer token',
    example: EXAMPLE_JWT,
  })
  token!: string;

  @ApiPropertyOptional({ description: 'With `remember_me: true` only', example: EXAMPLE_REFRESH_TOKEN })
  refresh_token?: string;
}
