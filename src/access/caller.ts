import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { UserPrincipal } from './principal.js';
import { adminsOnly } from './refusals.js';

/** A user at an application who asks for something, and from where. */
export interface Caller {
  principal: UserPrincipal;
  address: string;
  requestId: string;
}

/** The parameter is who asks, and from where. */
export const CurrentCaller = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const { principal, ip, id } = context.switchToHttp().getRequest<FastifyRequest>();
  return { principal: principal as UserPrincipal, address: ip, requestId: id };
});

/** @throws ApiError `forbidden` for whoever is no admin */
export function requireAdmin({ principal }: Caller): UserPrincipal {
  if (!principal.isAdmin) throw adminsOnly();
  return principal;
}
