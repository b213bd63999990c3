import type { FastifyBaseLogger } from 'fastify';

/**
 * A child of a logger that is made when something is logged with it: most requests log one line, which needs none.
 *
 * @param parent the logger of the server
 * @param bindings what each of its lines has
 */
export function lazyChild(parent: FastifyBaseLogger, bindings: object, options: object): FastifyBaseLogger {
  return new LazyChild(parent, bindings, options) as unknown as FastifyBaseLogger;
}

class LazyChild {
  private made: FastifyBaseLogger | undefined;

  constructor(
    private readonly parent: FastifyBaseLogger,
    private readonly bindings: object,
    private readonly options: object,
  ) {}

  get level(): string {
    return this.parent.level;
  }

  get own(): FastifyBaseLogger {
    return (this.made ??= this.parent.child(this.bindings, this.options));
  }
}

for (const method of ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent', 'child'] as const) {
  Object.defineProperty(LazyChild.prototype, method, {
    value(this: LazyChild, ...args: [object, string]): unknown {
      return this.own[method](...args);
    },
  });
}
