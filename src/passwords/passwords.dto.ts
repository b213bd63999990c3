import { IsString } from 'class-validator';
import { Field, type FieldOptions } from '../http/fields.js';
import { HasAtMostBytes, MUST_BE_STRING } from '../http/validation.js';
import { PASSWORD_MAX_BYTES } from './password-hasher.js';

/** A password, of an account or only tried. */
export function Password(options: FieldOptions = {}): PropertyDecorator {
  return Field(
    { ...options, type: String, maxLength: PASSWORD_MAX_BYTES, example: 'example' },
    IsString(MUST_BE_STRING),
    HasAtMostBytes(PASSWORD_MAX_BYTES),
  );
}

/** A password that somebody chooses. Whether it is long enough, who hashes it tells. */
export const NewPassword = (options: FieldOptions = {}): PropertyDecorator =>
  Password({ description: 'PASSWORD_MIN_LENGTH characters to 72 bytes', ...options });
