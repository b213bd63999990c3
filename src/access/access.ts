import { applyDecorators, createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiBearerAuth } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { Dialect } from '../errors/dialects.js';
import type { Principal } from './principal.js';
import { addToRouteConfig } from './route-config.js';

/** What a route asks of a request. Plain data: the guard in `guards` acts on it. */
export type Access =
  /** Anyone; `limited`: so many requests a minute and client address (RATE_LIMIT_PER_MINUTE). */
  | { scheme: 'public'; limited: boolean }
  /** `Authorization: Bearer` with the JWT of a live session. */
  | { scheme: 'session' };

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
  }
  interface FastifyRequest {
    principal?: Principal;
  }
}

/** The route is open to anyone. */
export const Public = (options: { limited?: boolean } = {}): MethodDecorator =>
  addToRouteConfig({ access: { scheme: 'public', limited: options.limited ?? false } });

/** The route wants the JWT of a live session; see {@link CurrentPrincipal}. */
export const SessionRequired = (): MethodDecorator =>
  applyDecorators(addToRouteConfig({ access: { scheme: 'session' } }), ApiBearerAuth('session'));

/** Every route of the controller words its errors in this dialect. */
export function SpeaksDialect(dialect: Dialect): ClassDecorator {
  return (controller) => {
    const prototype = controller.prototype as object;
    for (const name of Object.getOwnPropertyNames(prototype)) {
      const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
      if (name !== 'constructor' && typeof descriptor?.value === 'function') {
        addToRouteConfig({ dialect })(prototype, name, descriptor);
      }
    }
  };
}

/** The parameter is who the credential of the request proved to be. */
export const CurrentPrincipal = createParamDecorator(
  (_: unknown, context: ExecutionContext) => context.switchToHttp().getRequest<FastifyRequest>().principal,
);
