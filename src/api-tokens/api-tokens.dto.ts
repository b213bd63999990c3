import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsString, MinLength, ValidateIf } from 'class-validator';
import type { GatewayPrincipal } from '../access/principal.js';
import { MISSING } from '../errors/dialects.js';
import { Choice, Field, LONGEST_TOKEN, Text, type FieldOptions } from '../http/fields.js';
import { ReadAs } from '../http/reading.js';
import {
  HasAtMostCharacters,
  IsPresent,
  IsTime,
  IsWholeNumberFrom,
  MUST_BE_STRING,
  MUST_NOT_BE_EMPTY,
} from '../http/validation.js';
import {
  PAYMENT_TYPES,
  SERVICE_MODES,
  TOKEN_SOURCES,
  type PaymentType,
  type ServiceMode,
  type TokenSource,
} from '../tokens/gateway-tokens.js';
import type { TokenRecord } from '../tokens/token-records.js';
import { dateAndTime, dateOnly } from './dates.js';

const [LEAST, MOST] = [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];
const MUST_BE_NAME = { message: `must be a string, or a whole number from ${LEAST} to ${MOST}` };

/** A thousand years. */
const MAX_SECONDS = 31_557_600_000;

/** In capitals or not. */
const Word = (values: readonly string[], options: FieldOptions): PropertyDecorator =>
  applyDecorators(
    Choice(values, `must be ${values.join(' or ')}`, { required: false, ...options }),
    ReadAs((value) => (typeof value === 'string' ? value.toUpperCase() : value)),
  );

/** Characters in the id of a service. */
export const LONGEST_SERVICE = 255;
export const EXAMPLE_SERVICE = 'cd1b871207a94a7fa157dee678146acd';
export const EXAMPLE_TOKEN_LINK = '550e8400-e29b-41d4-a716-446655440000';
export const EXAMPLE_API_TOKEN = 'api_live_3s6yr5xw2nq7ab4cd5ef6gh7ijklmnopq';

export class NewApiToken {
  @ApiProperty({
    description: 'The gateway account to associate the new token to; numbers are stored as text',
    oneOf: [
      { type: 'string', minLength: 1, maxLength: 255 },
      { type: 'integer', minimum: LEAST, maximum: MOST },
    ],
    example: 'GATEWAY_ACCOUNT_1',
  })
  @HasAtMostCharacters(255)
  @MinLength(1, MUST_NOT_BE_EMPTY)
  @IsString(MUST_BE_NAME)
  @IsPresent(MISSING)
  // A number that JSON does not carry exactly stays a number and is refused.
  @ReadAs((value) => (Number.isSafeInteger(value) ? String(value) : value))
  account_id!: string;

  @Text({ maxLength: 1000, example: 'Token description' })
  @IsPresent(MISSING)
  description!: string;

  @Text({ maxLength: 255, example: 'test@example.org', required: false })
  created_by?: string;

  @Choice(['live', 'test'], 'must be live or test', {
    description: 'Part of the prefix of the token',
    example: 'live',
    required: false,
  })
  @ReadAs((value) => (typeof value === 'string' ? value.toLowerCase() : value))
  token_account_type?: 'live' | 'test';

  @Word(TOKEN_SOURCES, { description: 'What it is for: the API, or payment links. `API` if absent', example: 'API' })
  type?: TokenSource;

  @Word(PAYMENT_TYPES, { description: 'The payments that it is for. `CARD` if absent', example: 'CARD' })
  token_type?: PaymentType;

  @Field(
    {
      description: "The gateway's service that it is for",
      type: String,
      minLength: 1,
      maxLength: LONGEST_SERVICE,
      example: EXAMPLE_SERVICE,
      required: false,
    },
    IsString(MUST_BE_STRING),
    MinLength(1, MUST_NOT_BE_EMPTY),
    HasAtMostCharacters(LONGEST_SERVICE),
  )
  service_external_id?: string;

  @Word(SERVICE_MODES, { description: 'The mode of the service', example: 'LIVE' })
  service_mode?: ServiceMode;

  @Field(
    {
      description: 'When it expires. If neither this nor `seconds_until_expire` is given, it does not',
      type: String,
      format: 'date-time',
      example: '2126-11-22T12:00:00Z',
      required: false,
    },
    IsTime(),
  )
  expires_at?: string;

  @Field(
    {
      description: 'Instead of `expires_at`: in how many seconds it expires',
      type: 'integer',
      minimum: 1,
      maximum: MAX_SECONDS,
      example: 31_557_600,
      required: false,
    },
    IsWholeNumberFrom(1, MAX_SECONDS),
  )
  seconds_until_expire?: number;
}

export const EXAMPLE_NEW_TOKENS = {
  plain: { summary: 'As documented', value: { account_id: 'GATEWAY_ACCOUNT_1', description: 'Token description' } },
  whole: {
    summary: 'With all that it can have',
    value: {
      account_id: 'GATEWAY_ACCOUNT_1',
      description: 'Token description',
      created_by: 'test@example.org',
      token_account_type: 'live',
      type: 'API',
      token_type: 'CARD',
      service_external_id: EXAMPLE_SERVICE,
      service_mode: 'LIVE',
      expires_at: '2126-11-22T12:00:00Z',
    },
  },
};

export class NewDescription {
  @Text({ maxLength: LONGEST_TOKEN, example: EXAMPLE_TOKEN_LINK })
  @IsPresent(MISSING)
  token_link!: string;

  @Text({ maxLength: 1000, example: 'New token description' })
  @IsPresent(MISSING)
  description!: string;
}

export class Revocation {
  @ApiPropertyOptional({
    description: 'Required unless `token` is given',
    maxLength: LONGEST_TOKEN,
    example: EXAMPLE_TOKEN_LINK,
  })
  @ValidateIf((body: Revocation) => body.token === undefined)
  @HasAtMostCharacters(LONGEST_TOKEN)
  @IsString(MUST_BE_STRING)
  @IsPresent(MISSING)
  token_link?: string;

  @Text({
    description: 'The token itself, instead of its link',
    maxLength: LONGEST_TOKEN,
    example: EXAMPLE_API_TOKEN,
    required: false,
  })
  token?: string;
}

export class AuthAnswer {
  @ApiProperty({ description: 'The account ID for the bearer token', example: 'GATEWAY_ACCOUNT_1' })
  account_id!: string;

  @ApiProperty({ example: EXAMPLE_TOKEN_LINK })
  token_link!: string;

  @ApiProperty({ description: 'The payments that the token is for', enum: PAYMENT_TYPES, example: 'CARD' })
  token_type!: string;

  @ApiPropertyOptional({ description: 'If the token was made with one', example: EXAMPLE_SERVICE })
  service_external_id?: string;

  @ApiPropertyOptional({ description: 'If the token was made with one', enum: SERVICE_MODES, example: 'LIVE' })
  service_mode?: string;
}

export class NewApiTokenAnswer {
  @ApiProperty({ description: 'The newly generated token', example: EXAMPLE_API_TOKEN })
  token!: string;
}

export class RevocationAnswer {
  @ApiProperty({ description: 'In UTC', example: '10 Oct 2015 - 12:12' })
  revoked!: string;
}

export class ApiTokenView {
  @ApiProperty({ example: EXAMPLE_TOKEN_LINK })
  token_link!: string;

  @ApiProperty({ example: 'token 1 description' })
  description!: string;

  @ApiProperty({ description: 'What it is for: the API, or payment links', enum: TOKEN_SOURCES, example: 'API' })
  type!: TokenSource;

  @ApiProperty({ description: 'The payments that it is for', enum: PAYMENT_TYPES, example: 'CARD' })
  token_type!: PaymentType;

  @ApiPropertyOptional({ description: 'Only for revoked tokens', example: '10 Oct 2015' })
  revoked?: string;

  @ApiPropertyOptional({ example: 'test@example.org' })
  created_by?: string;

  @ApiPropertyOptional({ description: 'In UTC', example: '10 Oct 2015 - 12:12' })
  issued_date?: string;

  @ApiPropertyOptional({ description: 'In UTC, accurate to a few seconds', example: '10 Oct 2015 - 12:12' })
  last_used?: string;

  @ApiPropertyOptional({ type: String, format: 'date-time', example: '2126-11-22T12:00:00.000Z' })
  expires_at?: Date;

  @ApiPropertyOptional({ description: 'If it was made with one', example: EXAMPLE_SERVICE })
  service_external_id?: string;

  @ApiPropertyOptional({ description: 'If it was made with one', enum: SERVICE_MODES, example: 'LIVE' })
  service_mode?: ServiceMode;
}

const EXAMPLE_LIST: ApiTokenView[] = [
  {
    token_link: EXAMPLE_TOKEN_LINK,
    description: 'token 1 description',
    type: 'API',
    token_type: 'CARD',
    issued_date: '10 Oct 2015 - 12:12',
  },
  {
    token_link: '550e8400-e29b-41d4-a716-446655441234',
    description: 'token 2 description',
    type: 'API',
    token_type: 'CARD',
    issued_date: '09 Oct 2015 - 12:12',
    revoked: '10 Oct 2015',
  },
];

export class ApiTokenList {
  @ApiProperty({ type: [ApiTokenView], example: EXAMPLE_LIST })
  tokens!: ApiTokenView[];
}

export function toApiTokenView(record: TokenRecord): ApiTokenView {
  return {
    token_link: record.id,
    description: record.description ?? '',
    type: record.source,
    token_type: record.paymentType,
    ...(record.revokedAt && { revoked: dateOnly(record.revokedAt) }),
    ...(record.createdBy !== null && { created_by: record.createdBy }),
    issued_date: dateAndTime(record.createdAt),
    ...(record.lastUsedAt && { last_used: dateAndTime(record.lastUsedAt) }),
    ...(record.expiresAt && { expires_at: record.expiresAt }),
    ...(record.serviceExternalId !== null && { service_external_id: record.serviceExternalId }),
    ...(record.serviceMode && { service_mode: record.serviceMode }),
  };
}

export const toRevocationAnswer = ({ revokedAt }: TokenRecord): RevocationAnswer => ({
  revoked: dateAndTime(revokedAt ?? new Date()),
});

export function toAuthAnswer(principal: GatewayPrincipal): AuthAnswer {
  const { gatewayAccountId, tokenLink, paymentType, serviceExternalId, serviceMode } = principal;
  const answer: AuthAnswer = { account_id: gatewayAccountId, token_link: tokenLink, token_type: paymentType };
  if (serviceExternalId !== null) answer.service_external_id = serviceExternalId;
  if (serviceMode !== null) answer.service_mode = serviceMode;
  return answer;
}
