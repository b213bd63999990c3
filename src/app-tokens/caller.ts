import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { UserPrincipal } from '../access/principal.js';
import type { Caller } from './app-tokens.service.js';

/** The parameter is who asks, and from where. */
export const CurrentCaller = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const { principal, ip, id } = context.switchToHttp().getRequest<FastifyRequest>();
  return { principal: principal as UserPrincipal, address: ip, requestId: id };
});
