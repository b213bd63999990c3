import { invalidParams } from '../errors/api-error.js';
import type { Cursor } from '../tokens/token.store.js';

/** @returns the place in a list as clients pass it back to us */
export function writeCursor({ micros, id }: Cursor): string {
  return `${micros}.${id}`;
}

/** @throws ApiError `invalid_params` when it is none of ours */
export function readCursor(text: string): Cursor {
  const [, micros, id] = /^(\d{1,15}|[0-7]\d{15})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(text) ?? [];
  if (micros === undefined || id === undefined) throw invalidParams({ cursor: ['is none of ours'] });
  return { micros, id };
}
