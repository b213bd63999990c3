import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError, badRequest } from '../errors/api-error.js';
import { FORM_TYPES, JSON_TYPES, notJson, reservedNames, unsupportedType } from '../errors/common-errors.js';
import { isEncodedUtf8 } from './percent-encoding.js';
import { routeOf } from './route-of.js';

/** Deeper bodies are refused before recursive code reads them; no API document needs them. */
const MAX_DEPTH = 32;
/** Bodies with more fields and elements are refused, as validation takes time for each. */
const MAX_PARTS = 1_000;
/** As above, for a thousand records. */
const MAX_PARTS_OF_BATCH = 25_000;

/** What a body may have, in bytes, unless its route takes larger ones: every body is read before anybody is asked who it is. */
const USUAL_LIMIT = 65_536;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether its bodies may have BODY_LIMIT bytes. */
    takesLargeBodies?: boolean;
    /** Whether its bodies are lists of records. */
    takesBatches?: boolean;
  }
}

/** Must be called before the first route is registered. @param most what a body may have where it may be large, in bytes */
export function limitBodies(fastify: FastifyInstance, most: number): void {
  fastify.addHook('onRoute', (route) => {
    route.bodyLimit = route.config?.takesLargeBodies ? most : Math.min(USUAL_LIMIT, most);
  });
}

/**
 * Makes Fastify read JSON bodies, and forms where a route accepts them. A missing or empty body counts as `{}`,
 * whatever its type. Refuses bodies that are not UTF-8, not JSON or too deep, or that contain text that PostgreSQL
 * cannot store.
 */
export function readBodies(fastify: FastifyInstance): void {
  const parseJson = fastify.getDefaultJsonParser('error', 'error');
  fastify.removeAllContentTypeParsers();
  fastify.addHook('onRequest', ({ headers }, _reply, done) => {
    // Fastify refuses an invalid media type even when there is no body.
    const isEmpty = headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;
    if (isEmpty && headers['content-type'] !== undefined) delete headers['content-type'];
    done();
  });
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length === 0) {
      done(null, {});
      return;
    }
    const refusal = refuseEncoding(request, body as Buffer) ?? refuseShape(body as Buffer, partsOf(request));
    if (refusal) {
      done(refusal);
      return;
    }
    void parseJson(request, body.toString(), (error, value) => {
      done(error ? whyNot(body as Buffer) : refuseValue(value), value);
    });
  });
  fastify.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length > 0 && !routeOf(request).config.acceptsForms) {
      done(unsupportedType());
      return;
    }
    const refusal =
      refuseEncoding(request, body as Buffer) ?? refuseNames(body as Buffer) ?? refuseEscapes(body as Buffer);
    if (refusal) {
      done(refusal);
      return;
    }
    const sent = [...new URLSearchParams(body.toString())];
    const form = new Map(sent);
    if (form.size !== sent.length) done(badRequest('A field is repeated.'));
    else if (form.has('__proto__')) done(reservedNames());
    else {
      const { dropsEmptyFields } = routeOf(request).config;
      const value = Object.fromEntries(dropsEmptyFields ? sent.filter(([, text]) => text !== '') : form);
      done(refuseValue(value), value);
    }
  });
  fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body, done) => {
    done(body.length === 0 ? null : unsupportedType(typesOf(request)), {});
  });
}

/** Whether a request has a form as its body; an empty body is none. */
export const isForm = ({ headers }: Pick<FastifyRequest, 'headers'>) =>
  /^application\/x-www-form-urlencoded\b/i.test(headers['content-type'] ?? '');

/** What a route takes. */
const typesOf = (request: FastifyRequest) => (routeOf(request).config.acceptsForms ? FORM_TYPES : JSON_TYPES);

/** @returns what is wrong with a body that was not parsed: JSON with a field that is refused by name, or no JSON */
function whyNot(body: Buffer): ApiError {
  try {
    JSON.parse(body.toString());
    return reservedNames();
  } catch {
    return notJson();
  }
}

function refuseEncoding(request: FastifyRequest, body: Buffer): ApiError | undefined {
  const charset = /;\s*charset="?([^";\s]+)/i.exec(request.headers['content-type'] ?? '')?.[1] ?? 'utf-8';
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (!/^(utf-?8|us-ascii)$/i.test(charset) || encoding.toLowerCase() !== 'identity') {
    return new ApiError('unsupported_media_type', 'Send the body in UTF-8, without a content encoding.');
  }
  return isUtf8(body) ? undefined : notUtf8();
}

const notUtf8 = () => badRequest('The body is not valid UTF-8.');
const tooDeep = () => badRequest('The body is nested too deeply.');
const tooMany = () => badRequest('The body has too many fields.');

const [QUOTE, BACKSLASH, COMMA, AMPERSAND] = [0x22, 0x5c, 0x2c, 0x26];
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d];

const partsOf = (request: FastifyRequest) => (routeOf(request).config.takesBatches ? MAX_PARTS_OF_BATCH : MAX_PARTS);

/**
 * Counts what a JSON text holds before anything is made of it: one look at each byte. In a text that is not JSON it may
 * count anything; the parser refuses that.
 */
function refuseShape(json: Buffer, most: number): ApiError | undefined {
  let [depth, parts] = [0, 0];
  for (let index = 0; index < json.length; index += 1) {
    switch (json[index]) {
      case QUOTE:
        index = endOfString(json, index);
        break;
      case OPEN_BRACKET:
      case OPEN_BRACE:
        depth += 1;
        parts += 1;
        if (depth > MAX_DEPTH) return tooDeep();
        break;
      case CLOSE_BRACKET:
      case CLOSE_BRACE:
        depth -= 1;
        break;
      case COMMA:
        parts += 1;
    }
    if (parts > most) return tooMany();
  }
  return undefined;
}

/** @returns where the quotation mark is that ends a string */
function endOfString(json: Buffer, start: number): number {
  let index = start + 1;
  while (index < json.length && json[index] !== QUOTE) index += json[index] === BACKSLASH ? 2 : 1;
  return index;
}

function refuseNames(form: Buffer): ApiError | undefined {
  let parts = 1;
  for (let at = form.indexOf(AMPERSAND); at >= 0; at = form.indexOf(AMPERSAND, at + 1)) {
    parts += 1;
    if (parts > MAX_PARTS) return tooMany();
  }
  return undefined;
}

/** `URLSearchParams` would make the same character of all that is not UTF-8. */
function refuseEscapes(form: Buffer): ApiError | undefined {
  return isEncodedUtf8(form.toString('latin1')) ? undefined : notUtf8();
}

/** What {@link refuseShape} has counted is small enough to be walked. */
function refuseValue(root: unknown): ApiError | null {
  if (typeof root !== 'object' || root === null || Array.isArray(root)) {
    return badRequest('The body must be a JSON object.');
  }
  return isStorableInside(root) ? null : unstorable();
}

function isStorableInside(value: unknown): boolean {
  if (typeof value === 'string') return isStorable(value);
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, child]) => isStorable(key) && isStorableInside(child));
}

/** PostgreSQL's text cannot contain NUL or an unpaired surrogate. */
function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

const unstorable = () => badRequest('The body contains a NUL character or an unpaired surrogate.');
