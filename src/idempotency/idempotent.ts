import { applyDecorators, UseFilters, UseGuards } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import { addToRouteConfig } from '../access/route-config.js';
import { AnsweredBeforeFilter, IdempotencyGuard } from './idempotency.guard.js';
import { answerLost, badKey, LONGEST_KEY, otherBody, stillUnderWay } from './refusals.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route takes an Idempotency-Key. */
    isIdempotent?: boolean;
  }
}

/**
 * The route makes something, once for each Idempotency-Key. What it makes has to be recorded in the audit log in its own
 * transaction, or to call `noteAct` there. Describe {@link IDEMPOTENCY_ERRORS} too.
 */
export const Idempotent = (): MethodDecorator =>
  applyDecorators(
    addToRouteConfig({ isIdempotent: true }),
    UseGuards(IdempotencyGuard),
    UseFilters(AnsweredBeforeFilter),
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

/** What every route that takes a key may answer. */
export const IDEMPOTENCY_ERRORS = [badKey(), otherBody(), stillUnderWay(), answerLost()];
