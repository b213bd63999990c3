import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsString, MinLength, ValidateIf } from 'class-validator';
import { MISSING } from '../errors/dialects.js';
import { Choice, LONGEST_TOKEN, Text } from '../http/fields.js';
import { HasAtMostCharacters, IsPresent, MUST_BE_STRING, MUST_NOT_BE_EMPTY } from '../http/validation.js';
import type { TokenRecord } from '../tokens/tokens.store.js';
import { dateAndTime, dateOnly } from './dates.js';

const MUST_BE_NAME = { message: 'must be a string or a whole number' };

export const EXAMPLE_TOKEN_LINK = '550e8400-e29b-41d4-a716-446655440000';
export const EXAMPLE_API_TOKEN = 'api_live_3s6yr5xw2nq7ab4cd5ef6gh7ijklmnopq';

export class NewApiToken {
  @ApiProperty({
    description: 'The gateway account to associate the new token to; numbers are stored as text',
    oneOf: [{ type: 'string', minLength: 1, maxLength: 255 }, { type: 'integer' }],
    example: 'GATEWAY_ACCOUNT_1',
  })
  @HasAtMostCharacters(255)
  @MinLength(1, MUST_NOT_BE_EMPTY)
  @IsString(MUST_BE_NAME)
  @IsPresent(MISSING)
  // A number that JSON does not carry exactly stays a number and is refused.
  @Transform(({ value }: { value: unknown }) => (Number.isSafeInteger(value) ? String(value) : value))
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
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? value.toLowerCase() : value))
  token_account_type?: 'live' | 'test';
}

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
}

export class NewApiTokenAnswer {
  @ApiProperty({ description: 'The newly generated token', example: EXAMPLE_API_TOKEN })
  token!: string;
}

export class DescriptionAnswer {
  @ApiProperty({ example: EXAMPLE_TOKEN_LINK })
  token_link!: string;

  @ApiProperty({ example: 'New token description' })
  description!: string;
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

  @ApiPropertyOptional({ description: 'Only for revoked tokens', example: '10 Oct 2015' })
  revoked?: string;

  @ApiPropertyOptional({ example: 'test@example.org' })
  created_by?: string;

  @ApiPropertyOptional({ description: 'In UTC', example: '10 Oct 2015 - 12:12' })
  issued_date?: string;

  @ApiPropertyOptional({ description: 'In UTC, accurate to a few seconds', example: '10 Oct 2015 - 12:12' })
  last_used?: string;
}

const EXAMPLE_LIST: ApiTokenView[] = [
  { token_link: EXAMPLE_TOKEN_LINK, description: 'token 1 description', issued_date: '10 Oct 2015 - 12:12' },
  {
    token_link: '550e8400-e29b-41d4-a716-446655441234',
    description: 'token 2 description',
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
    ...(record.revokedAt && { revoked: dateOnly(record.revokedAt) }),
    ...(record.createdBy !== null && { created_by: record.createdBy }),
    issued_date: dateAndTime(record.createdAt),
    ...(record.lastUsedAt && { last_used: dateAndTime(record.lastUsedAt) }),
  };
}
