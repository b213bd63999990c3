import type { FastifyContextConfig, FastifyInstance } from 'fastify';

interface Route {
  method: string;
  url: string;
  pattern: RegExp;
  config: FastifyContextConfig | undefined;
}

/** Every route that Fastify serves, filled by its `onRoute` hook. */
export class RouteTable {
  private readonly routes: Route[] = [];

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

  /** @returns the methods that the path accepts, for `Allow` (RFC 9110 section 10.2.1) */
  methodsOf(path: string): string[] {
    const matching = this.routes.filter((route) => route.pattern.test(path));
    return [...new Set(matching.map((route) => route.method))].sort();
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
