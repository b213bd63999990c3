import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyContextConfig } from 'fastify';

const ROUTE_CONFIG = Symbol('latchkey route config');

/**
 * Adds to a route's Fastify config. Each decorator of the route adds its part; the guard, the error filter and the
 * check at start read it.
 */
export function addToRouteConfig(part: Partial<FastifyContextConfig>): MethodDecorator {
  return (target, key, descriptor: PropertyDescriptor) => {
    const handler = descriptor.value as object;
    const merged = { ...(Reflect.getMetadata(ROUTE_CONFIG, handler) as object | undefined), ...part };
    Reflect.defineMetadata(ROUTE_CONFIG, merged, handler);
    RouteConfig(merged)(target, key, descriptor);
  };
}
