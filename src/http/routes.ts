import type { FastifyContextConfig, FastifyInstance } from 'fastify';
import { isBehind, type Door } from '../config/doors.js';

interface Route {
  method: string;
  url: string;
  pattern: RegExp;
  config: FastifyContextConfig | undefined;
}

/** Every route that Fastify serves, filled by its `onRoute` hook. */
export class RouteTable {
  private readonly routes: Route[] = [];

  /** @param others the doors that there are beside the public one */
  constructor(private readonly others: readonly Door[] = []) {}

  /** Must be called before the first route is registered. */
  watch(fastify: FastifyInstance): void {
    fastify.addHook('onRoute', ({ method, url, config }) => {
      // The route for preflights, when CORS is enabled.
      if (url === '*') return;
      for (const name of [method].flat()) {
        this.routes.push({ method: name, url, pattern: patternOf(url), config });
      }
    });
  }

  /** @returns the methods that the path accepts at a door, for `Allow` (RFC 9110 section 10.2.1) */
  methodsOf(path: string, door: Door): string[] {
    const matching = this.routes.filter(({ pattern, url }) => pattern.test(path) && isBehind(door, this.others, url));
    return [...new Set(matching.map((route) => route.method))].sort();
  }

  /** @returns the methods that any path accepts at a door: what `OPTIONS *` asks (RFC 9110 section 9.3.7) */
  methodsBehind(door: Door): string[] {
    const behind = this.routes.filter(({ url }) => isBehind(door, this.others, url));
    return [...new Set(behind.map((route) => route.method))].sort();
  }

  /** @returns the routes that declare no access, as `METHOD url`; a server with such a route must not start */
  unguarded(): string[] {
    return this.routes.filter((route) => !route.config?.access).map((route) => `${route.method} ${route.url}`);
  }

  /** @returns all routes, as `METHOD url` */
  list(): string[] {
    return this.routes.map((route) => `${route.method} ${route.url}`);
  }
}

function patternOf(url: string): RegExp {
  const source = url
    .replace(/\/$/, '')
    .split('/')
    .map((part) => (part.startsWith(':') ? '[^/]+' : part === '*' ? '.*' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')))
    .join('/');
  return new RegExp(`^${source}/?$`);
}
