import { ValidationPipe, type ValidationError } from '@nestjs/common';
import { ValidateBy } from 'class-validator';
import { invalidParams, type FieldErrors } from '../errors/api-error.js';

/** What class-validator's decorators say of a field, in our words. */
export const MUST_BE_OBJECT = { message: 'must be an object' };
export const MUST_BE_STRING = { message: 'must be a string' };
export const MUST_BE_EMAIL = { message: 'must be an email address' };

/** Turns bodies into the DTOs that the routes ask for; what a DTO does not name is left out. */
export function bodyValidation(): ValidationPipe {
  return new ValidationPipe({
    transform: true,
    whitelist: true,
    stopAtFirstError: true,
    exceptionFactory: (errors: ValidationError[]) => invalidParams(fieldErrors(errors)),
  });
}

/** Fields are named as the client wrote them, without the objects that they are in. */
function fieldErrors(errors: ValidationError[]): FieldErrors {
  return Object.assign(
    {},
    ...errors.map(({ property, constraints, children }) => ({
      ...(constraints && { [property]: Object.values(constraints) }),
      ...fieldErrors(children ?? []),
    })),
  ) as FieldErrors;
}

/** The text takes at most so many bytes in UTF-8. */
export function HasAtMostBytes(most: number): PropertyDecorator {
  return ValidateBy({
    name: 'hasAtMostBytes',
    validator: {
      validate: (value) => typeof value === 'string' && Buffer.byteLength(value) <= most,
      defaultMessage: () => `must be at most ${most} bytes`,
    },
  });
}

/** A whole number that JSON carries exactly (RFC 8259 section 6). */
export function IsSafeInteger(): PropertyDecorator {
  return ValidateBy({
    name: 'isSafeInteger',
    validator: { validate: (value) => Number.isSafeInteger(value), defaultMessage: () => 'must be a whole number' },
  });
}

/** The field may not be there. */
export function IsRefused(message: string): PropertyDecorator {
  return ValidateBy({ name: 'isRefused', validator: { validate: () => false, defaultMessage: () => message } });
}

/** The field is there, and not null. */
export function IsPresent(message: string): PropertyDecorator {
  return ValidateBy({
    name: 'isPresent',
    validator: { validate: (value) => value !== undefined && value !== null, defaultMessage: () => message },
  });
}
