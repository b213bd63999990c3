import { describe, expect, it } from '@jest/globals';
import { createLogger } from './logger.js';
import { prettyFormat } from './pretty.js';

const REQUEST = {
  request_id: '297bf7ab-a1c5-4b3e-8d2f-5d7f0c1b2a3e',
  method: 'POST',
  route: '/api/v1/token',
  status: 200,
  ms: 276.4,
  address: '127.0.0.1',
  credential: 'password',
  trace_id: '0af7651916cd43dd8448eb211c80319c',
};

/** What is written of a line, without its time. */
function written(log: (logger: ReturnType<typeof createLogger>) => void): string {
  let text = '';
  log(createLogger('trace', { write: (line) => (text += line) }, { format: 'pretty' }));
  return text.replace(/^\d\d:\d\d:\d\d /, '');
}

describe('A log for people', () => {
  it('has a request in one line', () => {
    expect(
      written((logger) => {
        logger.info(REQUEST, 'request');
      }),
    ).toBe('INFO  POST /api/v1/token 200 276 ms 127.0.0.1 [297bf7ab]\n');
  });

  it('says why a request was refused, and of what matched no route that it did not', () => {
    const refused = { ...REQUEST, status: 401, ms: 1.2, refused: 'invalid' };
    expect(
      written((logger) => {
        logger.info(refused, 'request');
      }),
    ).toBe('INFO  POST /api/v1/token 401 1.2 ms 127.0.0.1 [297bf7ab] refused: invalid password\n');
    expect(
      written((logger) => {
        logger.info({ ...REQUEST, route: null, status: 404 }, 'request');
      }),
    ).toContain('POST (no route) 404');
  });

  it('has what an error and its cause say once, without their stacks', () => {
    const error = new Error('could not start: port 3000 is taken', { cause: new Error('EADDRINUSE') });
    expect(
      written((logger) => {
        logger.fatal({ err: error }, error.message);
      }),
    ).toBe('FATAL could not start: port 3000 is taken (Error: EADDRINUSE)\n');
    expect(
      written((logger) => {
        logger.warn({ err: new TypeError('no route') }, 'mail is paused');
      }),
    ).toBe('WARN  mail is paused (TypeError: no route)\n');
  });

  it('has the stack of a failure that nobody has foreseen', () => {
    const error = new RangeError('too deep');
    const text = written((logger) => {
      logger.error({ request_id: REQUEST.request_id, err: error }, 'unexpected failure');
    });
    expect(text).toBe(`ERROR unexpected failure [297bf7ab] (RangeError: too deep)\n${error.stack}\n`);
  });

  it('lets no text command the terminal or begin another line', () => {
    const text = written((logger) => {
      logger.warn({ who: '\u009b2J' }, 'a\u001b[31mred\r\n21:00:00 INFO  forged');
    });
    expect(text).toBe('WARN  a\\x1b[31mred\\x0d\\x0a21:00:00 INFO  forged who=\\x9b2J\n');
    expect(
      written((logger) => {
        logger.error({ err: new Error('x\u001b[2J') }, 'failed');
      }),
    ).not.toContain('\u001b');
  });

  it('has colours on a terminal only', () => {
    const line = JSON.stringify({ level: 'warn', time: '2026-01-01T00:00:00.000Z', msg: 'careful' });
    expect(prettyFormat(true)(line)).toContain('\u001b[33mWARN \u001b[0m careful');
    expect(prettyFormat(false)(line)).not.toContain('\u001b');
  });

  it('is JSON for machines, whatever the output is', () => {
    const lines: string[] = [];
    const output = { isTTY: true, write: (line: string) => lines.push(line) };
    createLogger('info', output, { format: 'json' }).info('one');
    createLogger('info', output).info('two');
    createLogger('info', { write: (line) => lines.push(line) }).info('three');
    expect(lines.map((line) => line.startsWith('{'))).toEqual([true, false, true]);
  });
});
