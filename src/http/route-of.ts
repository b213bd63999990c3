import type { FastifyRequest } from 'fastify';

type RouteOptions = FastifyRequest['routeOptions'];

const ROUTE = Symbol('route');

interface Kept {
  [ROUTE]?: RouteOptions | undefined;
}

/** @returns the `routeOptions` of a request, which Fastify makes anew whenever they are asked for */
export function routeOf(request: FastifyRequest): RouteOptions {
  // Its route may have found that it is not for this request, such as one with an empty parameter.
  if (request.is404) return request.routeOptions;
  const kept = request as Kept;
  return (kept[ROUTE] ??= request.routeOptions);
}
