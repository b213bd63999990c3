import vm from 'node:vm';
import { TestEnvironment } from 'jest-environment-node';

/** Jest asks for 100 frames, which makes each refusal of a server dear: an error is thrown for it. */
const STACK_TRACE_LIMIT = 20;
/** Where `expect` keeps its matchers and what it counts. */
const MATCHERS = Symbol.for('$$jest-matchers-object');

class SharedEnvironment extends TestEnvironment {
  constructor(config, context) {
    withPlainGlobals(() => super(config, context));
    this.global.Error.stackTraceLimit = STACK_TRACE_LIMIT;
    this.symbols = new Set(Object.getOwnPropertySymbols(this.global));
    this.defineMatchers();
  }

  /** Forgets what Jest has noted about the suite before: its handlers of events, and `jest.setTimeout`. */
  startOver() {
    for (const symbol of Object.getOwnPropertySymbols(this.global)) {
      // What graceful-fs has put there stays: it cannot be taken away, and serves the next suite as well.
      if (!this.symbols.has(symbol)) Reflect.deleteProperty(this.global, symbol);
    }
    this.defineMatchers();
  }

  /** What `expect` starts with. It would define the same itself, but so that nothing can take it away again. */
  defineMatchers() {
    const state = {
      ...{ assertionCalls: 0, numPassingAsserts: 0, suppressedErrors: [] },
      ...{ expectedAssertionsNumber: null, isExpectingAssertions: false },
    };
    Object.defineProperty(this.global, MATCHERS, {
      value: { customEqualityTesters: [], matchers: Object.create(null), state },
      configurable: true,
    });
  }

  /** The next suite goes on in it. */
  async teardown() {}
}

/**
 * Has a global object made that is an ordinary one. Jest would put a proxy behind it, and each `Object` or `Error` that
 * code names would be looked up there, some 50 times slower.
 */
function withPlainGlobals(make) {
  const { createContext } = vm;
  vm.createContext = () => createContext(vm.constants.DONT_CONTEXTIFY);
  try {
    return make();
  } finally {
    vm.createContext = createContext;
  }
}

/** @type {SharedEnvironment | undefined} */
let shared;

/** The global object of all suites of a process: what shared-runtime.js keeps between suites lives in it. */
export default function OneEnvironment(config, context) {
  shared?.startOver();
  shared ??= new SharedEnvironment(config, context);
  return shared;
}
