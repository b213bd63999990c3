import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayMinSize, IsArray } from 'class-validator';
import { EXAMPLE_ID } from '../accounts/accounts.dto.js';
import { Flag } from '../http/fields.js';
import { ReadAs } from '../http/reading.js';
import { IsPresent } from '../http/validation.js';
import { CurrentPassword } from '../sessions/reauthentication.dto.js';
import type { Counts } from './imports.store.js';
import type { Outcome } from './outcomes.js';

export const MOST_RECORDS = 1_000;
export const MUST_BE_RECORDS = `must be a list of 1 to ${MOST_RECORDS} records`;

export const EXAMPLE_RECORDS = [
  {
    id: '507f1f77bcf86cd799439011',
    email: 'fred@bedrockisp.com',
    email_verified: true,
    password_hash: '$2y$10$abcdefghijklmnopqrstuuWhDEpvhLEMdPS9GRmPOtCWmSQN0bM4e',
    name: 'Fred',
    created_at: '2015-10-10T12:12:00Z',
  },
  {
    type: 'organisation',
    id: '1dc3567e-afd5-4819-acd4-21d0ef677dcd',
    name: 'Example University',
    aliases: ['EXU'],
    networks: ['203.0.113.0/24'],
    email_domains: ['example.edu'],
  },
];

export class ImportRequest {
  // As they are: each is read by itself, and refused by itself.
  @ReadAs((records) => records)
  @ApiProperty({
    description:
      'As `latchkey import` takes them: docs/importing.md has every field. What is wrong with one refuses that one alone',
    type: 'array',
    items: { type: 'object', additionalProperties: true },
    minItems: 1,
    maxItems: MOST_RECORDS,
    example: EXAMPLE_RECORDS,
  })
  @ArrayMaxSize(MOST_RECORDS, { message: MUST_BE_RECORDS })
  @ArrayMinSize(1, { message: MUST_BE_RECORDS })
  @IsArray({ message: MUST_BE_RECORDS })
  @IsPresent()
  records!: unknown[];

  @Flag({
    description: 'Whether records may make administrators, and change those that an import has made',
    default: false,
    example: false,
    required: false,
  })
  admins?: boolean;

  @CurrentPassword()
  current_password?: string;
}

class ImportResult {
  @ApiProperty({ description: 'The place of the record in the list, counted from 1', type: 'integer', example: 1 })
  line!: number;

  @ApiProperty({ enum: ['made', 'changed', 'unchanged', 'refused'], example: 'made' })
  result!: Outcome['as'];

  @ApiPropertyOptional({
    description: 'The id of the account; absent if the record was refused',
    format: 'uuid',
    example: EXAMPLE_ID,
  })
  id?: string;

  @ApiPropertyOptional({
    description: 'Why it was refused, by field; `record` is all of it',
    type: 'object',
    additionalProperties: { type: 'string', example: 'is taken' },
    example: { email: 'is taken' },
  })
  errors?: Record<string, string>;
}

export class ImportAnswer {
  @ApiProperty({ type: 'integer', example: 2 })
  records!: number;

  @ApiProperty({ type: 'integer', example: 1 })
  made!: number;

  @ApiProperty({ type: 'integer', example: 0 })
  changed!: number;

  @ApiProperty({ description: 'Those that say what the last import said', type: 'integer', example: 0 })
  unchanged!: number;

  @ApiProperty({ type: 'integer', example: 1 })
  refused!: number;

  @ApiProperty({
    description: 'One for each record, in their order',
    type: [ImportResult],
    example: [
      { line: 1, result: 'made', id: EXAMPLE_ID },
      { line: 2, result: 'refused', errors: { name: 'is taken' } },
    ],
  })
  results!: ImportResult[];
}

export function toImportAnswer({ counts, outcomes }: { counts: Counts; outcomes: Outcome[] }): ImportAnswer {
  const { records, made, changed, unchanged, refused } = counts;
  const results = outcomes.map((outcome) => ({
    line: outcome.line,
    result: outcome.as,
    ...(outcome.as === 'refused' ? { errors: outcome.errors } : { id: outcome.id }),
  }));
  return { records, made, changed, unchanged, refused, results };
}
