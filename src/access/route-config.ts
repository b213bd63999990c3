import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyContextConfig } from 'fastify';

const ROUTE_CONFIG = Symbol('latchkey route config');

/**
 * Adds to what Fastify knows of a route. The decorators of a route each add their part; the guard, the error
 * filter and the check at start all read the same object.
 */
export function addToRouteConfig(part: Partial<FastifyContextConfig>): MethodDecorator {
  return (target, key, descriptor: PropertyDescriptor) => {
    const handler = descriptor.value as object;
    const merged = { ...(Reflect.getMetadata(ROUTE_CONFIG, handler) as object | undefined), ...part };
    Reflect.defineMetadata(ROUTE_CONFIG, merged, handler);
    RouteConfig(merged)(target, key, descriptor);
  };
}
