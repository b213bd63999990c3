import { IsString } from 'class-validator';
import { Field, type FieldOptions } from '../http/fields.js';
import { HasAtMostBytes, MUST_BE_STRING } from '../http/validation.js';
import { PASSWORD_MAX_BYTES } from './password-hasher.js';

/** A password to check. */
export function Password(options: FieldOptions = {}): PropertyDecorator {
  return Field(
    { ...options, type: String, maxLength: PASSWORD_MAX_BYTES, example: 'example' },
    IsString(MUST_BE_STRING),
    HasAtMostBytes(PASSWORD_MAX_BYTES),
  );
}

/** A password to set. The hasher checks its minimum length, which is configured. */
export const NewPassword = (options: FieldOptions = {}): PropertyDecorator =>
  Password({ description: 'At least PASSWORD_MIN_LENGTH characters, at most 72 bytes', ...options });
