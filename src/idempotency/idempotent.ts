import { applyDecorators } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import { addToRouteConfig } from '../access/route-config.js';
import { ApiError, conflict } from '../errors/api-error.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route takes an Idempotency-Key. */
    isIdempotent?: boolean;
  }
}

/** How long a key may be. */
export const LONGEST_KEY = 255;

/**
 * The route makes something, once for each Idempotency-Key. What it makes has to be recorded in the audit log in its own
 * transaction, or to call `noteAct` there. Describe {@link IDEMPOTENCY_ERRORS} too.
 */
export const Idempotent = (): MethodDecorator =>
  applyDecorators(
    addToRouteConfig({ isIdempotent: true }),
    ApiHeader({
      name: 'Idempotency-Key',
      description:
        'For trying again without making a second one: the same key and body get the same answer for 24 hours. Best a ' +
        'random UUID. See docs/idempotency.md.',
      required: false,
      example: '8e03978e-40d5-43dd-bc93-6894a57f9324',
      schema: { type: 'string', minLength: 1, maxLength: LONGEST_KEY + 2, pattern: '^[\\x20-\\x7e]+$' },
    }),
  );

const about = (problem: string) => ({ idempotency_key: [problem] });

export const badKey = () =>
  new ApiError('bad_request', `The Idempotency-Key must be 1 to ${LONGEST_KEY} visible ASCII characters.`, {
    fields: about(`must be 1 to ${LONGEST_KEY} visible ASCII characters, with or without quotation marks`),
  });

export const otherBody = () =>
  conflict('The Idempotency-Key was used with another body.', about('was used with another body'));

/** draft-ietf-httpapi-idempotency-key-header-07 section 2.6. */
export const stillUnderWay = () =>
  new ApiError('conflict', 'A request with this Idempotency-Key is still under way. Try again in a second.', {
    fields: about('is that of a request that is still under way'),
    headers: { 'retry-after': '1' },
  });

export const answerLost = () =>
  conflict(
    'The request with this Idempotency-Key was carried out, but its answer was lost. Look for what it made.',
    about('is that of a request that was carried out, whose answer was lost'),
  );

/** What every route that takes a key may answer. */
export const IDEMPOTENCY_ERRORS = [badKey(), otherBody(), stillUnderWay(), answerLost()];
