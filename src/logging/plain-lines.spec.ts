import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createLogger } from './logger.js';
import { plainLines, type PlainLog } from './plain-lines.js';

const FIELDS = {
  request_id: 'a"b\\c\n\u2028é語',
  route: null,
  status: 200,
  ms: 0.4,
  address: '::1',
  trace_id: undefined,
};

type Options = Parameters<typeof createLogger>[2];

/** @returns what the logger itself writes, and what its plain lines are */
function linesOf(options: Options, level: string, log: (logger: PlainLog) => void): [own: string[], plain: string[]] {
  const written: string[] = [];
  const logger = createLogger(level, { write: (line) => void written.push(line) }, options);
  log(logger);
  const own = written.splice(0);
  log(plainLines(logger));
  return [own, written];
}

describe('Plain lines of the log', () => {
  beforeEach(() => {
    jest.spyOn(Date, 'now').mockReturnValue(1_790_000_000_123);
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it.each<[string, Options]>([
    ['of one process', {}],
    ['of a worker', { worker: 2 }],
    ['while there are traces', { fields: () => ({ trace_id: 'of the trace', span_id: '1' }) }],
    ['for people', { format: 'pretty' }],
  ])('are what Pino makes of the same fields: %s', (_, options) => {
    const [own, plain] = linesOf(options, 'debug', (logger) => {
      logger.info(FIELDS, 'request');
      logger.debug({}, 'nothing but "text"');
      logger.info({ ms: Number.NaN }, 'no number');
    });
    expect(own).toHaveLength(3);
    expect(plain).toEqual(own);
  });

  it('are not written below the level', () => {
    const [own, plain] = linesOf({}, 'warn', (logger) => {
      logger.info(FIELDS, 'request');
    });
    expect([own, plain]).toEqual([[], []]);
  });

  it('have no field that is named as a secret: what compiles has none', () => {
    const [own, plain] = linesOf({}, 'warn', (logger) => {
      // @ts-expect-error Nothing would redact it.
      logger.info({ token: 'secret' }, 'request');
    });
    expect([own, plain]).toEqual([[], []]);
  });
});
