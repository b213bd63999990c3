import { TestEnvironment } from 'jest-environment-node';

/** Jest asks for 100 frames, which makes each refusal of a server dear: an error is thrown for it. */
const STACK_TRACE_LIMIT = 20;

class SharedEnvironment extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    this.global.Error.stackTraceLimit = STACK_TRACE_LIMIT;
    // What the object that stands behind the global one has itself is found in half the time.
    for (const name of Object.getOwnPropertyNames(this.global)) {
      const descriptor = Object.getOwnPropertyDescriptor(this.global, name);
      if (descriptor?.writable && descriptor.configurable) Object.defineProperty(this.global, name, descriptor);
    }
    this.symbols = new Set(Object.getOwnPropertySymbols(this.global));
  }

  /** Forgets what Jest has noted about the suite before: its handlers of events, and `jest.setTimeout`. */
  startOver() {
    for (const symbol of Object.getOwnPropertySymbols(this.global)) {
      if (!this.symbols.has(symbol)) delete this.global[symbol];
    }
  }

  /** The next suite goes on in it. */
  async teardown() {}
}

/** @type {SharedEnvironment | undefined} */
let shared;

/** The global object of all suites of a process: what shared-runtime.js keeps between suites lives in it. */
export default function OneEnvironment(config, context) {
  shared?.startOver();
  shared ??= new SharedEnvironment(config, context);
  return shared;
}
