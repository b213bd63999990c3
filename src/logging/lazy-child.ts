import type { FastifyBaseLogger } from 'fastify';

type More<Raw> = (raw: Raw) => object | undefined;
type ChildFactory<Raw> = (parent: FastifyBaseLogger, bindings: object, options: object, raw: Raw) => FastifyBaseLogger;

/** A logger with this has bound what else every line has of its trace. */
export const HAS_TRACE = Symbol('HAS_TRACE');

/**
 * Makes a child of a logger that is made when something is logged with it: most requests log one line, which needs none.
 *
 * @param more what each of its lines has too, of the request that it is of
 */
export function lazyChild<Raw>(more: More<Raw>): ChildFactory<Raw> {
  return (parent, bindings, options, raw) =>
    new LazyChild(parent, bindings, options, raw, more) as unknown as FastifyBaseLogger;
}

class LazyChild<Raw> {
  private made: FastifyBaseLogger | undefined;

  constructor(
    private readonly parent: FastifyBaseLogger,
    private readonly bindings: object,
    private readonly options: object,
    private readonly raw: Raw,
    private readonly more: More<Raw>,
  ) {}

  get level(): string {
    return this.parent.level;
  }

  get own(): FastifyBaseLogger {
    return (this.made ??= this.make());
  }

  private make(): FastifyBaseLogger {
    const more = this.more(this.raw);
    const child = this.parent.child({ ...this.bindings, ...more }, this.options);
    return more ? Object.assign(child, { [HAS_TRACE]: true }) : child;
  }
}

for (const method of ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent', 'child'] as const) {
  Object.defineProperty(LazyChild.prototype, method, {
    value(this: LazyChild<unknown>, ...args: [object, string]): unknown {
      return this.own[method](...args);
    },
  });
}
