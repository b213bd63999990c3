import type { Problems } from './fields.js';
import type { ImportRecord } from './records.js';

/** A record that is to be imported. */
export interface Entry<Record extends ImportRecord = ImportRecord> {
  /** Where it begins in its file, counted from one; or its place in a request. */
  line: number;
  record: Record;
  /** SHA-256 of the record, by which it is known again. */
  digest: Buffer;
}

/** What has come of a record. */
export type Outcome = { line: number } & (
  { as: 'made' | 'changed' | 'unchanged'; id: string } | { as: 'refused'; errors: Problems }
);

export const refused = (line: number, errors: Problems): Outcome => ({ line, as: 'refused', errors });

export const TAKEN = 'is taken';
export const NOT_IMPORTED = 'belongs to an existing row that was not imported';
export const NEEDS_ADMINS =
  'needs --admins (over REST, `admins`): without it, imports leave administrators and their tokens alone';
export const DELETED_HERE = 'has been deleted here since it was imported';
export const MADE_MEANWHILE = 'was just created by somebody else';
export const CHANGED_HERE = 'has been changed here since it was imported';

/** How an import is to be done. */
export interface ImportOptions {
  /** Whether it may make administrators. */
  admins: boolean;
  /** Of a dry run: whether it would have made an account that is referred to so. */
  wouldHave?: (account: string) => boolean;
}

/**
 * Splits entries into groups, in their order, none of which has a key twice: what comes later must find what was done for
 * those before it.
 */
export function* waves<E>(entries: E[], keysOf: (entry: E) => string[]): Generator<E[]> {
  let wave: E[] = [];
  let seen = new Set<string>();
  for (const entry of entries) {
    const keys = keysOf(entry);
    if (keys.some((key) => seen.has(key))) {
      yield wave;
      wave = [];
      seen = new Set();
    }
    wave.push(entry);
    for (const key of keys) seen.add(key);
  }
  if (wave.length > 0) yield wave;
}
