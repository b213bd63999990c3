import { applyDecorators } from '@nestjs/common';
import { IsString, ValidateBy } from 'class-validator';
import { isShortEnough, LONGEST_PASSWORD, LONGEST_TYPED_PASSWORD, problemOfPassword } from '../config/password-text.js';
import { Field, type FieldOptions } from '../http/fields.js';
import { ChecksBySettings } from '../http/request-validation.js';
import { atMostCharacters, MUST_BE_STRING } from '../http/validation.js';

/** A password to check. */
export function Password(options: FieldOptions = {}): PropertyDecorator {
  return Field(
    { example: 'example', ...options, type: String, maxLength: LONGEST_TYPED_PASSWORD },
    IsString(MUST_BE_STRING),
    IsShortEnough(),
  );
}

/** A password to set. The hasher makes the same checks, for those that come another way. */
export const NewPassword = (options: FieldOptions = {}): PropertyDecorator =>
  applyDecorators(
    ChecksBySettings((value, _, { passwordMinLength }) =>
      typeof value === 'string' ? problemOfPassword(value, passwordMinLength) : undefined,
    ),
    Password({ description: 'PASSWORD_MIN_LENGTH to 256 characters, counted in NFC', ...options }),
  );

function IsShortEnough(): PropertyDecorator {
  return ValidateBy({
    name: 'isShortEnough',
    validator: {
      validate: (value) => typeof value === 'string' && isShortEnough(value),
      defaultMessage: () => atMostCharacters(LONGEST_PASSWORD),
    },
  });
}
