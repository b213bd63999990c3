import type { LoggerService } from '@nestjs/common';
import { pino, symbols, type DestinationStream, type Logger } from 'pino';
import { HAS_TRACE } from './lazy-child.js';
import { prettyFormat } from './pretty.js';

export type { Logger } from 'pino';

/** What lines look like: `auto` is `pretty` on a terminal, and `json` elsewhere. */
export type LogFormat = 'auto' | 'json' | 'pretty';

interface LogOptions {
  format?: LogFormat;
  /** The number of the worker that this process is: every line has it. */
  worker?: number;
  /** What each line has beside, of whatever is being done. */
  fields?: (() => object) | undefined;
}

/**
 * The server's log: JSON lines on standard output, or lines for people.
 *
 * No secrets are passed to it: requests are logged by route, without URL, headers or body, and errors without the
 * parameters of database statements. The redaction list is the second line of defence.
 *
 * @param destination where lines go, unless to standard output
 */
export function createLogger(
  level: string,
  destination?: DestinationStream,
  { format = 'auto', worker, fields }: LogOptions = {},
): Logger {
  return pino(
    {
      level,
      base: worker === undefined ? null : { worker },
      timestamp: isoTime,
      ...(fields && {
        mixin: (_line: object, _level: number, logger: object) => (HAS_TRACE in logger ? {} : fields()),
      }),
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError },
      // Plain names, as wildcards would slow down every request.
      redact: { paths: [...SECRET_FIELDS], censor: '[redacted]' },
    },
    destination ? formatted(destination, format) : standardOutput(format, worker === undefined ? BATCH : ATOMIC),
  );
}

type Format = (line: string) => string;

/** @returns what makes a line for people; undefined: lines stay as they are */
function formatFor(output: object, format: LogFormat): Format | undefined {
  const isTerminal = 'isTTY' in output && output.isTTY === true;
  if (format === 'json' || (format === 'auto' && !isTerminal)) return undefined;
  // https://no-color.org
  return prettyFormat(isTerminal && !process.env.NO_COLOR);
}

function formatted(output: DestinationStream, wanted: LogFormat): DestinationStream {
  const format = formatFor(output, wanted);
  if (!format) return output;
  return {
    write: (line) => {
      output.write(format(line));
    },
  };
}

/** How much is buffered while it cannot be written, in bytes. */
const BACKLOG = 2 ** 20;
/** How much is collected before it is written at once, in bytes. */
const BATCH = 2 ** 16;
/** The same where other processes write to the same pipe: so much stays together (PIPE_BUF of Linux). */
const ATOMIC = 4_096;
/** For how long lines are collected, in milliseconds. */
const COLLECTED_FOR = 20;
/** A line of this level, `warn`, or above is written at once, with those before it: it may be the last. */
const URGENT = 40;

let [lastTime, lastTimeText, lastSecond, lastSecondText] = [NaN, '', NaN, ''];

/** As Pino's own, which makes a text of each line's time: many lines are of the same second, and some of the same millisecond. */
function isoTime(): string {
  const now = Date.now();
  if (now === lastTime) return lastTimeText;
  const milliseconds = now % 1_000;
  if (now - milliseconds !== lastSecond) {
    lastSecond = now - milliseconds;
    lastSecondText = `,"time":"${new Date(lastSecond).toISOString().slice(0, -'000Z'.length)}`;
  }
  [lastTime, lastTimeText] = [now, `${lastSecondText}${String(milliseconds).padStart(3, '0')}Z"`];
  return lastTimeText;
}

/** A full disk or a closed pipe loses log lines, but does not end the process. */
function standardOutput(format: LogFormat, batch: number): DestinationStream {
  const output = pino.destination({ fd: 1, sync: true, maxLength: BACKLOG }).on('error', () => undefined);
  return batched(output, batch, formatFor(process.stdout, format));
}

/**
 * Writes lines together, as a write for each costs more than the line: after a moment, with the first that is urgent, and when
 * the process ends, also by an exception.
 */
export function batched(output: DestinationStream, most: number, format?: Format): DestinationStream {
  let [collected, bytes, timer]: [string, number, NodeJS.Timeout | undefined] = ['', 0, undefined];
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    if (bytes > 0) output.write(collected);
    [collected, bytes] = ['', 0];
  };
  process.on('exit', flush);
  const stream: DestinationStream & { lastLevel: number; [symbols.needsMetadataGsym]: true } = {
    // Pino sets it before each line.
    lastLevel: 0,
    [symbols.needsMetadataGsym]: true,
    write: (json) => {
      const line = format ? format(json) : json;
      const more = Buffer.byteLength(line);
      if (bytes + more > most) flush();
      collected += line;
      bytes += more;
      if (bytes >= most || stream.lastLevel >= URGENT) flush();
      else timer ??= setTimeout(flush, COLLECTED_FOR).unref();
    },
  };
  return stream;
}

/** The name of a field that is redacted. */
export type SecretField = (typeof SECRET_FIELDS)[number];

const SECRET_FIELDS = [
  'authorization',
  'cookie',
  'password',
  'password_hash',
  'token',
  'access_token',
  'account_token',
  'app_token',
  'refresh_token',
  'reset_password_token',
  'client_secret',
  'secret',
  'parameters',
] as const;

/** Name, message, code and stack only: drivers keep statements and their parameters in other properties. */
function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { type: typeof error };
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {};
  const cause = error.cause === undefined ? {} : { cause: describeError(error.cause) };
  return { type: error.constructor.name, message: error.message, ...code, stack: error.stack, ...cause };
}

/** Writes Nest's log, and that of every `new Logger(context)`, to ours. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, ...rest: unknown[]): void {
    // Nest logs every module and route at this level.
    const context = rest.at(-1);
    const level = NOISY.has(String(context)) ? 'debug' : 'info';
    this.write(level, message, rest);
  }
  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }
  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }
  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }
  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }
  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  private write(level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal', message: unknown, rest: unknown[]) {
    const context = { context: rest.at(-1) };
    if (message instanceof Error) this.logger[level]({ ...context, err: message }, message.message);
    else if (rest[0] instanceof Error) this.logger[level]({ ...context, err: rest[0] }, String(message));
    else this.logger[level](context, String(message));
  }
}

const NOISY = new Set(['NestFactory', 'InstanceLoader', 'RoutesResolver', 'RouterExplorer', 'NestApplication']);
