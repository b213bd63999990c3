import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError, badRequest } from '../errors/api-error.js';
import { notJson, unsupportedType } from '../errors/common-errors.js';

/** Deeper bodies are refused before recursive code reads them; no API document needs them. */
const MAX_DEPTH = 32;
/** Bodies with more fields and elements are refused, as validation takes time for each. */
const MAX_PARTS = 1_000;

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
    if (isEmpty) delete headers['content-type'];
    done();
  });
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length === 0) {
      done(null, {});
      return;
    }
    const refusal = refuseEncoding(request, body as Buffer);
    if (refusal) {
      done(refusal);
      return;
    }
    void parseJson(request, body.toString(), (error, value) => {
      done(error ? notJson() : refuseValue(value), value);
    });
  });
  fastify.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length > 0 && !request.routeOptions.config.acceptsForms) {
      done(unsupportedType());
      return;
    }
    const refusal = refuseEncoding(request, body as Buffer);
    const form = new URLSearchParams(body.toString());
    const names = [...form.keys()];
    if (new Set(names).size !== names.length) done(badRequest('A field is repeated.'));
    else if (names.includes('__proto__')) done(badRequest('The body is not a valid form.'));
    else {
      const value = Object.fromEntries(form);
      done(refusal ?? refuseValue(value), value);
    }
  });
  fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
    done(body.length === 0 ? null : unsupportedType(), {});
  });
}

function refuseEncoding(request: FastifyRequest, body: Buffer): ApiError | undefined {
  const charset = /;\s*charset="?([^";\s]+)/i.exec(request.headers['content-type'] ?? '')?.[1] ?? 'utf-8';
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (!/^(utf-?8|us-ascii)$/i.test(charset) || encoding.toLowerCase() !== 'identity') {
    return new ApiError('unsupported_media_type', 'Send the body as JSON in UTF-8, without a content encoding.');
  }
  return isUtf8(body) ? undefined : badRequest('The body is not valid UTF-8.');
}

/** Walks without recursion, as the sender chooses the depth. */
function refuseValue(root: unknown): ApiError | null {
  const pending: [value: unknown, depth: number][] = [[root, 0]];
  let parts = 0;
  for (let next = pending.pop(); next; next = pending.pop()) {
    const [value, depth] = next;
    if (depth > MAX_DEPTH) return badRequest('The body is nested too deeply.');
    if (typeof value === 'string' && !isStorable(value)) return unstorable();
    if (typeof value !== 'object' || value === null) continue;
    const entries = Object.entries(value);
    parts += entries.length;
    if (parts > MAX_PARTS) return badRequest('The body has too many fields.');
    for (const [key, child] of entries) {
      if (!isStorable(key)) return unstorable();
      pending.push([child, depth + 1]);
    }
  }
  return typeof root === 'object' && root !== null && !Array.isArray(root)
    ? null
    : badRequest('The body must be a JSON object.');
}

/** PostgreSQL's text cannot contain NUL or an unpaired surrogate. */
function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

const unstorable = () => badRequest('The body contains a NUL character or an unpaired surrogate.');
