import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional, type ApiPropertyOptions } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { ArrayUnique, IsArray, IsBoolean, IsIn, IsObject, IsString, ValidateNested } from 'class-validator';
import { accountIdSchema, IsAccountId, NamesAccount } from './account-ids.js';
import { RemembersNested } from './request-validation.js';
import {
  HasAtMostCharacters,
  IsName,
  IsPresent,
  IsUuid,
  LONGEST_NAME,
  MUST_BE_BOOLEAN,
  MUST_BE_OBJECT,
  MUST_BE_SCOPES,
  MUST_BE_STRING,
  Optional,
  OptionalOrNull,
  OrNull,
} from './validation.js';

/** The options of one field. */
export interface FieldOptions {
  description?: string;
  example?: unknown;
  default?: unknown;
  /** false: it may be absent, but not null. */
  required?: false;
  /** true: it may be absent or null. */
  nullable?: true;
}

/** A field of a body or a query, with its description in OpenAPI and its validation.
 * @param checks in order: only the first that fails is reported
 */
export function Field(options: ApiPropertyOptions, ...checks: PropertyDecorator[]): PropertyDecorator {
  if (options.nullable && options.required === true) {
    return applyDecorators(ApiProperty(options), OrNull(), IsPresent(), ...checks);
  }
  if (options.nullable) return applyDecorators(ApiPropertyOptional(options), OptionalOrNull(), ...checks);
  if (options.required === false) return applyDecorators(ApiProperty(options), Optional(), ...checks);
  return applyDecorators(ApiProperty(options), IsPresent(), ...checks);
}

/** How many characters a token may have that we made, or an id that is to be looked up: far more than any has. */
export const LONGEST_TOKEN = 2_048;

/** A text of at most so many characters. Every text has a maximum: what checks it takes its time for each character. */
export function Text(options: FieldOptions & { format?: string; maxLength: number }): PropertyDecorator {
  return Field({ ...options, type: String }, IsString(MUST_BE_STRING), HasAtMostCharacters(options.maxLength));
}

/** The name of an account or a client. */
export function Name(options: FieldOptions): PropertyDecorator {
  return Field(described({ type: String, maxLength: LONGEST_NAME, example: 'example' }, options), IsName());
}

/** The id of a row. */
export function Id(options: FieldOptions, message?: string): PropertyDecorator {
  return Field(described({ format: 'uuid' }, options), IsUuid(message));
}

/**
 * The id of an account, or its `legacy_id`; see {@link NamesAccount}.
 *
 * @param message what a document says of an id that is none, or is missing
 */
export function AccountId(options: FieldOptions & { description: string }, message?: string): PropertyDecorator {
  const { description, ...others } = options;
  const schema = { ...accountIdSchema(description), ...others };
  const isOptional = options.nullable === true || options.required === false;
  if (isOptional) return applyDecorators(Field(schema, IsAccountId(message)), NamesAccount());
  return applyDecorators(ApiProperty(schema), IsPresent(message), IsAccountId(message), NamesAccount());
}

/** true or false. */
export function Flag(options: FieldOptions): PropertyDecorator {
  return Field({ ...options, type: Boolean }, IsBoolean(MUST_BE_BOOLEAN));
}

/** One of the given strings. */
export function Choice(values: readonly string[], message: string, options: FieldOptions): PropertyDecorator {
  return Field(described({ enum: [...values] }, options), IsIn(values, { message }));
}

/** A list of scopes, without repetition. */
export function Scopes(known: readonly string[], options: FieldOptions): PropertyDecorator {
  return Field(
    described({ isArray: true, enum: [...known], maxItems: known.length }, options),
    IsArray(MUST_BE_SCOPES),
    IsIn(known, { each: true, ...MUST_BE_SCOPES }),
    ArrayUnique({ message: 'must not repeat a scope' }),
  );
}

/** An object whose fields are validated. */
export function Nested(type: () => new () => object, options: Pick<FieldOptions, 'required'> = {}): PropertyDecorator {
  return Field(options, IsObject(MUST_BE_OBJECT), ValidateNested(MUST_BE_OBJECT), Type(type), RemembersNested(type));
}

/** Puts the description first in the OpenAPI document. */
function described(kind: ApiPropertyOptions, { description, ...options }: FieldOptions): ApiPropertyOptions {
  return { ...(description !== undefined && { description }), ...kind, ...options } as ApiPropertyOptions;
}
