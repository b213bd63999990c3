import { IsString, ValidateBy } from 'class-validator';
import { isShortEnough, LONGEST_PASSWORD, LONGEST_TYPED_PASSWORD } from '../config/password-text.js';
import { Field, type FieldOptions } from '../http/fields.js';
import { atMostCharacters, MUST_BE_STRING } from '../http/validation.js';

/** A password to check. */
export function Password(options: FieldOptions = {}): PropertyDecorator {
  return Field(
    { ...options, type: String, maxLength: LONGEST_TYPED_PASSWORD, example: 'example' },
    IsString(MUST_BE_STRING),
    IsShortEnough(),
  );
}

/** A password to set. The hasher checks the rest, as that is configured, or depends on the account. */
export const NewPassword = (options: FieldOptions = {}): PropertyDecorator =>
  Password({ description: 'PASSWORD_MIN_LENGTH to 256 characters, counted in NFC', ...options });

function IsShortEnough(): PropertyDecorator {
  return ValidateBy({
    name: 'isShortEnough',
    validator: {
      validate: (value) => typeof value === 'string' && isShortEnough(value),
      defaultMessage: () => atMostCharacters(LONGEST_PASSWORD),
    },
  });
}
