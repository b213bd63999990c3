import { applyDecorators } from '@nestjs/common';
import { ApiQuery } from '@nestjs/swagger';
import { ValidateBy } from 'class-validator';
import type { FastifyReply } from 'fastify';
import type { Cursor } from '../database/keyset.js';
import { invalidParams } from '../errors/api-error.js';
import { Text, type FieldOptions } from './fields.js';
import { isUuid } from './validation.js';

/** How many records a page has, unless clients choose. */
export const PAGE_SIZE = 100;

/** The records of one page, and where the next page begins; undefined: it is the last. */
export interface Page<Row> {
  records: Row[];
  next: Cursor | undefined;
}

/** @returns a cursor as text for clients */
export function writeCursor({ micros, id }: Cursor): string {
  return `${micros}.${id}`;
}

const NO_CURSOR = 'is not a valid cursor';
export const badCursor = () => invalidParams({ cursor: [NO_CURSOR] });

/** The beginning of a list that is newest first, as Swagger UI sends the example unedited. */
const EXAMPLE_CURSOR = '7000000000000000.ffffffff-ffff-ffff-ffff-ffffffffffff';

/** A time, and an id of whatever list. */
const LONGEST_CURSOR = 1_024;

/** The route gives a list in pages. */
export const ApiCursor = () =>
  ApiQuery({
    name: 'cursor',
    required: false,
    description: 'From the `Link` header',
    schema: { type: 'string', maxLength: LONGEST_CURSOR, example: EXAMPLE_CURSOR },
  });

/** The cursor as a field of a query DTO, for a list whose ids are uuids. */
export const PageCursor = (options: FieldOptions = {}): PropertyDecorator =>
  applyDecorators(
    Text({
      description: 'From the `Link` header',
      maxLength: LONGEST_CURSOR,
      example: EXAMPLE_CURSOR,
      required: false,
      ...options,
    }),
    ValidateBy({
      name: 'isCursor',
      validator: {
        validate: (value) => parseCursor(value, isWrittenUuid) !== undefined,
        defaultMessage: () => NO_CURSOR,
      },
    }),
  );

/** The response header of a paginated route. */
export const LINK = {
  Link: {
    description: 'Points to the next page, if there is one (RFC 8288)',
    schema: { type: 'string' },
    example: `<?cursor=${EXAMPLE_CURSOR}>; rel="next"`,
  },
};

/** Cursors contain uuids as PostgreSQL writes them. */
const isWrittenUuid = (text: string) => isUuid(text) && text === text.toLowerCase();

/** @param text from the query; undefined: the beginning of the list
 * @param isId tells whether a text can be an id of the list
 * @throws ApiError `invalid_params` when it is not a valid cursor
 */
export function readCursor(text: string | undefined, isId = isWrittenUuid): Cursor | undefined {
  if (text === undefined) return undefined;
  const cursor = parseCursor(text, isId);
  if (!cursor) throw badCursor();
  return cursor;
}

function parseCursor(text: unknown, isId: (text: string) => boolean): Cursor | undefined {
  if (typeof text !== 'string') return undefined;
  const [, micros, id] = /^(\d{1,15}|[0-7]\d{15})\.(.+)$/.exec(text) ?? [];
  return micros !== undefined && id !== undefined && isId(id) ? { micros, id } : undefined;
}

/**
 * Makes a page of rows that were selected with a limit of one more than the page, to see whether another one follows.
 */
export function pageOf<Row extends Cursor>(rows: Row[], limit = PAGE_SIZE): Page<Row> {
  const records = rows.slice(0, limit);
  const last = records.at(-1);
  return { records, next: rows.length > limit && last ? { micros: last.micros, id: last.id } : undefined };
}

/** Points to the next page of a list, if there is one, in the `Link` header (RFC 8288), relative to the list itself.
 * @param kept the parameters of the query to keep
 */
export function linkToNext(reply: FastifyReply, cursor: Cursor | undefined, kept: object = {}): void {
  if (!cursor) return;
  const query = new URLSearchParams({ cursor: writeCursor(cursor) });
  for (const [name, value] of Object.entries(kept)) {
    if (name !== 'cursor' && value !== undefined) query.set(name, String(value));
  }
  void reply.header('link', `<?${query.toString()}>; rel="next"`);
}
