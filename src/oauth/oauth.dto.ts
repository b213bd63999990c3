import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsNotEmpty, IsString } from 'class-validator';
import { EXAMPLE_EMAIL, EXAMPLE_ID } from '../accounts/accounts.dto.js';
import { LONGEST_TOKEN } from '../http/fields.js';
import {
  HasAtMostCharacters,
  IsPresent,
  MUST_BE_STRING,
  MUST_NOT_BE_EMPTY,
  OptionalOrEmpty,
} from '../http/validation.js';
import { TOKEN_KINDS } from '../tokens/token-kinds.js';

const EXAMPLE_ACCESS_TOKEN = '9f86d081884c7d659a2feaa0c55ad015';
/** All scopes, many times over. */
const LONGEST_SCOPE = 2_048;
const LONGEST_RESOURCE = 2_048;
/** Of whatever service. */
const LONGEST_JWT = 16_384;
const EXAMPLE_SCOPE = 'accounts:read identifications';

/** The id and the secret of a client in the body; HTTP Basic is preferred (RFC 6749 section 2.3.1). */
class ClientInBody {
  @ApiPropertyOptional({
    description: 'Instead of HTTP Basic; an empty value counts as absent',
    maxLength: LONGEST_TOKEN,
    example: '',
  })
  @OptionalOrEmpty()
  @HasAtMostCharacters(LONGEST_TOKEN)
  @IsString(MUST_BE_STRING)
  client_id?: string;

  @ApiPropertyOptional({
    description: 'Instead of HTTP Basic; an empty value counts as absent',
    maxLength: LONGEST_TOKEN,
    example: '',
  })
  @OptionalOrEmpty()
  @HasAtMostCharacters(LONGEST_TOKEN)
  @IsString(MUST_BE_STRING)
  client_secret?: string;
}

export class TokenRequestBody extends ClientInBody {
  @ApiPropertyOptional({ default: 'client_credentials', maxLength: LONGEST_TOKEN, example: 'client_credentials' })
  @OptionalOrEmpty()
  @HasAtMostCharacters(LONGEST_TOKEN)
  @IsString(MUST_BE_STRING)
  grant_type?: string;

  @ApiPropertyOptional({
    description: 'Separated by spaces; by default all scopes of the client',
    maxLength: LONGEST_SCOPE,
    example: EXAMPLE_SCOPE,
  })
  @OptionalOrEmpty()
  @HasAtMostCharacters(LONGEST_SCOPE)
  @IsString(MUST_BE_STRING)
  scope?: string;
}

/** What a standard client may ask for besides. */
export class ResourceTokenRequest extends TokenRequestBody {
  @ApiPropertyOptional({
    description:
      'The resource server that the token is for (RFC 8707), an absolute URI: introspection tells it as `aud`, and no other ' +
      'one should take it. Absent or empty: for Latchkey',
    maxLength: LONGEST_RESOURCE,
    example: '',
  })
  @OptionalOrEmpty()
  @HasAtMostCharacters(LONGEST_RESOURCE)
  @IsString(MUST_BE_STRING)
  resource?: string;
}

export class PresentedToken extends ClientInBody {
  @ApiProperty({ maxLength: LONGEST_JWT, example: EXAMPLE_ACCESS_TOKEN })
  @HasAtMostCharacters(LONGEST_JWT)
  @IsNotEmpty(MUST_NOT_BE_EMPTY)
  @IsString(MUST_BE_STRING)
  @IsPresent()
  token!: string;

  @ApiPropertyOptional({ description: 'Accepted and ignored', maxLength: LONGEST_TOKEN, example: 'access_token' })
  @OptionalOrEmpty()
  @HasAtMostCharacters(LONGEST_TOKEN)
  @IsString(MUST_BE_STRING)
  token_type_hint?: string;
}

/** RFC 6749 section 5.1. */
export class AccessTokenAnswer {
  @ApiProperty({ example: EXAMPLE_ACCESS_TOKEN })
  access_token!: string;

  @ApiProperty({ enum: ['Bearer'], example: 'Bearer' })
  token_type!: 'Bearer';

  @ApiProperty({ description: 'The lifetime of the token in seconds', type: 'integer', example: 3600 })
  expires_in!: number;

  @ApiPropertyOptional({ description: 'Separated by spaces; absent if there are none', example: EXAMPLE_SCOPE })
  scope?: string;
}

export class AccountTokenAnswer extends AccessTokenAnswer {
  @ApiProperty({ description: 'The same as `access_token`', example: EXAMPLE_ACCESS_TOKEN })
  account_token!: string;
}

export class Actor {
  @ApiProperty({ description: 'The id of the account', format: 'uuid', example: EXAMPLE_ID })
  sub!: string;

  @ApiPropertyOptional({ description: 'The email of the account', example: EXAMPLE_EMAIL })
  username?: string;
}

/** RFC 7662 section 2.2. */
export class IntrospectionAnswer {
  @ApiProperty({ description: 'Whether the token is valid; if `false`, there are no other fields', example: true })
  active!: boolean;

  @ApiPropertyOptional({ enum: ['session', ...Object.keys(TOKEN_KINDS)], example: 'oauth' })
  token_kind?: string;

  @ApiPropertyOptional({ description: '`Bearer`, or the header in which it is sent', example: 'Bearer' })
  token_type?: string;

  @ApiPropertyOptional({
    description: 'The id of the account or client that it represents',
    example: EXAMPLE_ID,
  })
  sub?: string;

  @ApiPropertyOptional({ description: 'Instead of `sub` for an API token', example: 'GATEWAY_ACCOUNT_1' })
  gateway_account_id?: string;

  @ApiPropertyOptional({ description: 'The email of the account', example: EXAMPLE_EMAIL })
  username?: string;

  @ApiPropertyOptional({ description: 'The client that it was issued to', example: EXAMPLE_ID })
  client_id?: string;

  @ApiPropertyOptional({ example: EXAMPLE_SCOPE })
  scope?: string;

  @ApiPropertyOptional({ description: 'The account that acts on behalf of `sub` (RFC 8693 section 4.1)' })
  act?: Actor;

  @ApiPropertyOptional({ description: 'The id of the session, for a session JWT', format: 'uuid', example: EXAMPLE_ID })
  sid?: string;

  @ApiPropertyOptional({ description: 'The value of PUBLIC_URL', example: 'http://127.0.0.1:3000' })
  iss?: string;

  @ApiPropertyOptional({
    description: 'Whom it is for: a session JWT, by SESSION_AUDIENCE; the access token of a client, by `resource`',
    type: [String],
    example: ['http://127.0.0.1:3000', 'https://api.example.org'],
  })
  aud?: string[];

  @ApiPropertyOptional({ description: 'For an opaque token, its id', example: EXAMPLE_ID })
  jti?: string;

  @ApiPropertyOptional({
    description: 'When it was issued, in seconds since 1970',
    type: 'integer',
    example: 1795305600,
  })
  iat?: number;

  @ApiPropertyOptional({
    description: 'When it expires, in seconds since 1970; absent if it does not expire',
    type: 'integer',
    example: 1795309200,
  })
  exp?: number;
}

export function toAccountTokenAnswer(answer: AccessTokenAnswer): AccountTokenAnswer {
  return Object.assign({ account_token: answer.access_token }, answer);
}
