import { ApiProperty } from '@nestjs/swagger';
import { Max } from 'class-validator';
import { Password } from '../passwords/passwords.dto.js';
import { CurrentPassword } from '../sessions/reauthentication.dto.js';
import { LONGEST_EMAIL } from '../emails/email-address.js';
import { EXAMPLE_EMAIL, EXAMPLE_ID } from '../accounts/accounts.dto.js';
import { LONGEST_NETWORK, readNetwork } from '../accounts/networks.js';
import { AccountId, Choice, Field, Id, Name, Scopes, Text, type FieldOptions } from '../http/fields.js';
import { PageCursor } from '../http/cursor.js';
import { INVALID_ID, IsListOf, IsRefused, IsSafeInteger, notYourOwn } from '../http/validation.js';
import type { TokenRecord } from '../tokens/token-records.js';

const OWN_STRING = notYourOwn('token string');

/** The last second that a JavaScript date can hold, with a century to spare. */
const MAX_SECONDS = 8_636_000_000_000;

const SecondsFromNow = (options: FieldOptions = {}): PropertyDecorator =>
  Field(
    {
      description: 'Seconds from now; zero or less expires the token immediately',
      type: 'integer',
      maximum: MAX_SECONDS,
      example: 86_400,
      ...options,
    },
    IsSafeInteger(),
    Max(MAX_SECONDS, { message: 'must be at most 8636000000000' }),
  );

const APP_TOKEN_SCOPES = ['frontend', 'client-address'];
/** How many an App-Token can have. */
const MOST_NETWORKS = 100;

const APP_NAME = { description: 'What you call the application', example: 'The till' };
const EXAMPLE_APP_TOKEN_ID = '0b6c6a1e-6a5f-4d0e-9f7e-0f1f6f3f7d55';
export const EXAMPLE_APP_TOKEN = '5aa59576866e4167b26c8430fd4e4d29';
export const EXAMPLE_TOKEN = 'e3bb632cd0d441a2adc9fc47507cf3fe';

export class Login {
  @Text({ description: 'The email of the account', maxLength: LONGEST_EMAIL, example: EXAMPLE_EMAIL })
  username!: string;

  @Password()
  password!: string;
}

/** The string of a token cannot be chosen, neither at its creation nor later. */
class WithoutOwnString {
  @IsRefused(OWN_STRING)
  token?: never;

  @IsRefused(OWN_STRING)
  app_token?: never;
}

export class Expiry extends WithoutOwnString {
  @SecondsFromNow()
  seconds_until_expire!: number;
}

export class AppTokenChange extends WithoutOwnString {
  @SecondsFromNow({ required: false })
  seconds_until_expire?: number;

  @Name({ ...APP_NAME, nullable: true })
  name?: string | null;
}

/** The query of what may end an App-Token. */
export class Cascade {
  @Choice(['true', 'false'], 'must be true or false', {
    description: '`true`: the user tokens that were got through it end with it',
    example: 'false',
    required: false,
  })
  cascade?: 'true' | 'false';
}

export class TokenListQuery {
  @Id({
    description: 'The id of an App-Token: only what was got through it',
    example: EXAMPLE_APP_TOKEN_ID,
    required: false,
  })
  app_token?: string;

  @PageCursor()
  cursor?: string;
}

class NewTokenBody extends WithoutOwnString {
  @SecondsFromNow({ required: false })
  seconds_until_expire?: number;

  @IsRefused(OWN_STRING)
  id?: never;
}

export class NewAppToken extends NewTokenBody {
  @Name({ ...APP_NAME, required: false })
  name?: string;

  @Scopes(APP_TOKEN_SCOPES, {
    description:
      'Only admins can set scopes. `frontend`: makes API tokens for gateway accounts. `client-address`: passes on the ' +
      'addresses of its users, in `X-Client-Address`',
    example: [],
    required: false,
  })
  scopes?: string[];

  @Field(
    {
      description: 'From where an App-Token with the scope `client-address` may be used to pass on addresses',
      type: 'array',
      items: { type: 'string', maxLength: LONGEST_NETWORK },
      maxItems: MOST_NETWORKS,
      example: [],
      required: false,
    },
    IsListOf(readNetwork, MOST_NETWORKS),
  )
  networks?: string[];

  @CurrentPassword()
  current_password?: string;
}

export class NewToken extends NewTokenBody {
  @AccountId({ description: 'The id of the account to act for', example: EXAMPLE_ID }, INVALID_ID)
  user!: string;
}

export class LoginAnswer {
  @ApiProperty({ description: 'For the `Token` header', example: EXAMPLE_TOKEN })
  token!: string;
}

export class AppTokenAnswer {
  @ApiProperty({ description: 'For the `App-Token` header; only shown once', example: EXAMPLE_APP_TOKEN })
  app_token!: string;
}

export class TokenOrigin {
  @ApiProperty({ format: 'uuid', example: EXAMPLE_APP_TOKEN_ID })
  id!: string;

  @ApiProperty({
    description: '`null` if it has none, or is gone',
    type: String,
    nullable: true,
    example: APP_NAME.example,
  })
  name!: string | null;
}

export class TokenView {
  @ApiProperty({ format: 'uuid', example: '0b6c6a1e-6a5f-4d0e-9f7e-0f1f6f3f7d55' })
  id!: string;

  @ApiProperty({ description: 'The last four characters', example: '4d29' })
  hint!: string;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-11-21T12:00:00.000Z' })
  created_at!: Date;

  @ApiProperty({
    description: 'A date-time; years after 9999 have a sign and six digits (ISO 8601)',
    type: String,
    pattern: '^([0-9]{4}|[+][0-9]{6})-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3}Z$',
    nullable: true,
    example: '2226-11-21T12:00:00.000Z',
  })
  expires_at!: Date | null;

  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'Accurate to a few seconds',
    example: null,
  })
  last_used_at!: Date | null;

  @ApiProperty({
    description: 'The id of the account that owns it',
    format: 'uuid',
    nullable: true,
    type: String,
    example: EXAMPLE_ID,
  })
  owner!: string | null;

  @ApiProperty({ type: [String], example: ['frontend'] })
  scopes!: string[];

  @ApiProperty({
    description: 'The id of the account that created it on behalf of the owner',
    type: String,
    format: 'uuid',
    nullable: true,
    example: null,
  })
  actor!: string | null;

  @ApiProperty({
    description: 'The App-Token that it was got through; `null` if that is not known',
    type: TokenOrigin,
    nullable: true,
  })
  app_token!: TokenOrigin | null;
}

export class AppTokenView extends TokenView {
  @ApiProperty({ ...APP_NAME, type: String, nullable: true })
  name!: string | null;

  @ApiProperty({
    description: 'From where it may be used to pass on addresses, if it has the scope `client-address`',
    type: [String],
    example: ['203.0.113.0/24'],
    required: false,
  })
  networks?: string[];
}

export class AppTokenList {
  @ApiProperty({ type: [AppTokenView] })
  app_tokens!: AppTokenView[];
}

export class TokenList {
  @ApiProperty({ type: [TokenView] })
  tokens!: TokenView[];
}

function viewOf(record: TokenRecord) {
  return {
    id: record.id,
    hint: record.hint,
    created_at: record.createdAt,
    expires_at: record.expiresAt,
    last_used_at: record.lastUsedAt,
    owner: record.accountId,
    scopes: record.scopes,
    actor: record.actorId,
    app_token: record.appTokenId === null ? null : { id: record.appTokenId, name: record.appTokenName ?? null },
  };
}

export const toAppTokenView = (record: TokenRecord): AppTokenView => ({
  ...viewOf(record),
  name: record.name,
  ...(record.networks && { networks: record.networks }),
});

export const toTokenView: (record: TokenRecord) => TokenView = viewOf;
