import { readEmail } from '../emails/email-address.js';
import { isUuid, problemOfName, tidy } from '../http/validation.js';
import { text, type Read } from './fields.js';

const LEGACY_ID = /^[0-9a-f]{24}$/i;

/** Without those that are undefined. */
export function known<T extends object>(record: T): { [Key in keyof T]: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as never;
}

/** Of a value that must be a text. */
export const reading =
  (read: (value: string) => { value: string } | { problem: string }) =>
  (value: unknown): Read<string> =>
    typeof value === 'string' ? read(value) : { problem: 'must be a string' };

export const isLegacyId = (value: unknown): value is string => typeof value === 'string' && LEGACY_ID.test(value);

export const accountId = (value: unknown): Read<string> =>
  isUuid(value) || isLegacyId(value)
    ? { value: value.toLowerCase() }
    : { problem: 'must be a UUID or 24 hexadecimal characters' };

export const legacyId = (value: unknown): Read<string> =>
  isLegacyId(value) ? { value: value.toLowerCase() } : { problem: 'must be 24 hexadecimal characters' };

/** The account that something is of: by its id, its legacy id or its email. */
export function accountReference(value: unknown): Read<string> {
  const id = accountId(value);
  if ('value' in id) return id;
  const email = typeof value === 'string' ? readEmail(value) : id;
  return 'value' in email ? email : { problem: 'must be the id or the email of an account' };
}

export const uuid = (value: unknown): Read<string> =>
  isUuid(value) ? { value: value.toLowerCase() } : { problem: 'must be a UUID' };

export function name(value: unknown): Read<string> {
  const problem = problemOfName(value);
  return problem === undefined ? { value: tidy(value as string) } : { problem };
}

export const line =
  (most: number) =>
  (value: unknown): Read<string> => {
    const read = text(most)(value);
    return 'value' in read && /\p{Cc}/u.test(read.value) ? { problem: 'must be one line' } : read;
  };

/** A time that may be told by a flag: true is now. */
export const momentOf = (at: string | undefined, isSo: boolean | undefined) => at ?? (isSo ? 'now' : undefined);
