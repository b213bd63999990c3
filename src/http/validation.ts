import type { Type } from '@nestjs/common';
import { ValidateBy, ValidateIf } from 'class-validator';

export const IS_REQUIRED = 'is required';

/** Messages for class-validator's decorators. */
export const MUST_BE_OBJECT = { message: 'must be an object' };
export const MUST_BE_STRING = { message: 'must be a string' };
export const MUST_BE_WHOLE_NUMBER = { message: 'must be a whole number' };
export const MUST_BE_BOOLEAN = { message: 'must be true or false' };
export const MUST_BE_EMAIL = { message: 'must be an email address' };
export const MUST_BE_SCOPES = { message: 'must be a list of known scopes' };
export const MUST_NOT_BE_EMPTY = { message: 'must not be empty' };
export const atMostCharacters = (most: number) => `must be at most ${most} characters`;
/** @param hint what the client can do instead */
export const wholeNumberFrom = (least: number, most: number, hint = '') =>
  `must be a whole number from ${least} to ${most}${hint}`;
/** @param place the number of the entry, counted from one */
export const ofEntry = (place: number, problem: string) => `entry ${place} ${problem}`;
/** @param what the thing that clients cannot choose */
export const notYourOwn = (what: string) => `You cannot specify your own ${what}.`;
/** The app-token document's message for an invalid or unknown id. */
export const INVALID_ID = 'One or more IDs are not formatted correctly.';

/**
 * Counts characters as PostgreSQL does: code points. class-validator's own check ignores variation selectors, and so
 * would accept what a column refuses.
 */
export function countCharacters(text: string): number {
  return Array.from(text).length;
}

/** Whether a text has more characters than that, at a cost that does not grow with those that it has too many. */
export function isTooLong(text: string, most: number): boolean {
  // A character takes at most two UTF-16 code units, so that far too long texts need not be counted.
  return text.length > most * 2 || countCharacters(text) > most;
}

/** The string has at most this many characters. */
export function HasAtMostCharacters(most: number, message = atMostCharacters(most)): PropertyDecorator {
  return ValidateBy({
    name: 'hasAtMostCharacters',
    validator: {
      validate: (value) => typeof value === 'string' && !isTooLong(value, most),
      defaultMessage: () => message,
    },
  });
}

/** A whole number that JSON carries exactly (RFC 8259 section 6). */
export function IsSafeInteger(): PropertyDecorator {
  return ValidateBy({
    name: 'isSafeInteger',
    validator: { validate: (value) => Number.isSafeInteger(value), defaultMessage: () => MUST_BE_WHOLE_NUMBER.message },
  });
}

/** The field may be absent; null is a value like others. */
export const Optional = (): PropertyDecorator => ValidateIf((_, value) => value !== undefined);

/** The field may be absent or null. */
export const OptionalOrNull = (): PropertyDecorator => ValidateIf((_, value) => value !== undefined && value !== null);

/** The field may be null; whether it may be absent is for others to say. */
export const OrNull = (): PropertyDecorator => ValidateIf((_, value) => value !== null);

/** The field may be absent or empty, which counts as absent (RFC 6749 section 3.2), but not null. */
export const OptionalOrEmpty = (): PropertyDecorator => ValidateIf((_, value) => value !== undefined && value !== '');

const REFUSED = Symbol('known in order to be refused');

/** The field must be absent. */
export function IsRefused(message: string): PropertyDecorator {
  const validates = ValidateBy({
    name: 'isRefused',
    validator: { validate: (value) => value === undefined, defaultMessage: () => message },
  });
  return (target, property) => {
    Reflect.defineMetadata(REFUSED, true, target, property);
    validates(target, property);
  };
}

/** Whether a class knows a field only to refuse it: nobody should be pointed to it. */
export const isRefusedField = (type: Type<object>, property: string) =>
  Reflect.getMetadata(REFUSED, type.prototype as object, property) === true;

/** The field must be present, and not null. */
export function IsPresent(message = IS_REQUIRED): PropertyDecorator {
  return ValidateBy({
    name: 'isPresent',
    validator: { validate: (value) => value !== undefined && value !== null, defaultMessage: () => message },
  });
}

/** The result of parsing a string: its canonical form, or what is wrong with it. */
export type Reading = { value: string } | { problem: string };

/** The string can be parsed. */
export function IsReadBy(read: (text: string) => Reading): PropertyDecorator {
  const problemOf = (value: unknown) => {
    const reading = typeof value === 'string' ? read(value) : { problem: MUST_BE_STRING.message };
    return 'problem' in reading ? reading.problem : undefined;
  };
  return ValidateBy({
    name: 'isReadBy',
    validator: {
      validate: (value) => problemOf(value) === undefined,
      defaultMessage: (args) => problemOf(args?.value) ?? '',
    },
  });
}

/** A list of at most this many strings that can be parsed, none of them repeated in any spelling. */
export function IsListOf(read: (text: string) => Reading, most: number): PropertyDecorator {
  return ValidateBy({
    name: 'isListOf',
    validator: {
      validate: (value) => problemOfList(value, read, most) === undefined,
      defaultMessage: (args) => problemOfList(args?.value, read, most) ?? '',
    },
  });
}

function problemOfList(value: unknown, read: (text: string) => Reading, most: number): string | undefined {
  if (!Array.isArray(value)) return 'must be a list';
  if (value.length > most) return `must have at most ${most} entries`;
  const places = new Map<string, number>();
  for (const [index, item] of value.entries()) {
    const reading = typeof item === 'string' ? read(item) : { problem: MUST_BE_STRING.message };
    if ('problem' in reading) return ofEntry(index + 1, reading.problem);
    const earlier = places.get(reading.value);
    if (earlier !== undefined) return ofEntry(index + 1, `repeats entry ${earlier}`);
    places.set(reading.value, index + 1);
  }
  return undefined;
}

/** A number of a JSON body in this range. */
export function IsWholeNumberFrom(least: number, most: number): PropertyDecorator {
  return ValidateBy({
    name: 'isWholeNumberFrom',
    validator: {
      validate: (value) => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most,
      defaultMessage: () => wholeNumberFrom(least, most),
    },
  });
}

/** A whole number in a query. */
export function IsWholeNumber(least: number, most: number, hint = ''): PropertyDecorator {
  return ValidateBy({
    name: 'isWholeNumber',
    validator: {
      validate: (value) =>
        typeof value === 'string' && /^\d{1,9}$/.test(value) && Number(value) >= least && Number(value) <= most,
      defaultMessage: () => wholeNumberFrom(least, most, hint),
    },
  });
}

/**
 * One line that contains a letter, a digit or a symbol that is seen, and no control of text direction (Unicode TR 36). Its length
 * counts in NFC, in which it is stored and in which some characters become several (Unicode TR 15).
 */
export function IsName(): PropertyDecorator {
  return ValidateBy({
    name: 'isName',
    validator: {
      validate: (value) => problemOfName(value) === undefined,
      defaultMessage: (args) => problemOfName(args?.value) ?? '',
    },
  });
}

export const LONGEST_NAME = 255;

/** What is not seen and changes nothing that is, such as soft hyphens and zero-width spaces, which come with pasted text (Unicode DI). */
const INVISIBLE =
  /(?![\u200c-\u200f\u061c\u180b-\u180f\ufe00-\ufe0f\u{e0020}-\u{e007f}\u{e0100}-\u{e01ef}])\p{Default_Ignorable_Code_Point}/gu;

/** One spelling for what looks the same: in NFC, with single spaces of one kind, and nothing that is invisible. */
export const tidy = (name: string) => name.normalize('NFC').replace(INVISIBLE, '').replace(/\s+/gu, ' ').trim();

/** A name's spellings, if it may have been stored by a release before all of {@link tidy}, or is now. */
export const spellingsOfName = (name: string) => [...new Set([tidy(name), name.normalize('NFC').trim()])];

export function problemOfName(value: unknown): string | undefined {
  if (typeof value !== 'string') return MUST_BE_STRING.message;
  if (isTooLong(value, LONGEST_NAME) || isTooLong(value.normalize('NFC'), LONGEST_NAME))
    return atMostCharacters(LONGEST_NAME);
  const isLine =
    /[\p{L}\p{N}\p{S}]/u.test(tidy(value)) &&
    !/[\p{Cc}\p{Noncharacter_Code_Point}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u.test(value);
  return isLine ? undefined : 'must be one line of text';
}

/** A date and time of RFC 3339 in a year of four digits, such as 2026-11-22T12:00:00Z. */
export function IsTime(): PropertyDecorator {
  return ValidateBy({ name: 'isTime', validator: { validate: isTime, defaultMessage: () => MUST_BE_TIME } });
}

export const MUST_BE_TIME = 'must be a date and time such as 2026-11-22T12:00:00Z';

/** See {@link IsTime}. */
export function isTime(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    /^[12]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/i.test(value) &&
    !Number.isNaN(Date.parse(value)) &&
    // JavaScript reads February 30 as March 2.
    new Date(`${value.slice(0, 10)}T00:00:00Z`).toISOString().startsWith(value.slice(0, 10))
  );
}

/** Whether a value is a uuid as a string, in any case. */
export function isUuid(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value);
}

/** The string is a uuid. */
export function IsUuid(message = 'must be a UUID'): PropertyDecorator {
  return ValidateBy({ name: 'isUuid', validator: { validate: isUuid, defaultMessage: () => message } });
}

/** @returns the id that a text is, in lower case; undefined: it may be anything, also a secret */
export function idIn(text: string): string | undefined {
  return isUuid(text) ? text.toLowerCase() : undefined;
}
