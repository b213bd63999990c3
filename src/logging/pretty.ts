/** What is known of a line, see docs/logs.md. */
interface Line {
  level: string;
  time: string;
  msg?: string;
  err?: LoggedError;
  [field: string]: unknown;
}

interface LoggedError {
  type?: string;
  message?: string;
  stack?: string;
  cause?: LoggedError;
}

const COLOURS: Record<string, string> = { debug: '34', info: '32', warn: '33', error: '31', fatal: '41' };

/** Shown in a way of their own, or of no use to whoever reads along. */
const NOT_LISTED = ['level', 'time', 'msg', 'context', 'err'];
const OF_REQUESTS = ['request_id', 'method', 'route', 'status', 'ms', 'address', 'credential', 'refused', 'trace_id'];

/**
 * @param colours whether the reader's terminal shows colours
 * @returns what makes a line for people of a line of JSON. Only an error that wants the program to be mended has its stack: `error`
 *   is the level of those that nobody has foreseen
 */
export function prettyFormat(colours: boolean): (json: string) => string {
  const paint = (code: string | undefined, text: string) =>
    colours && code !== undefined ? `\u001b[${code}m${text}\u001b[0m` : text;
  return (json) => {
    const line = JSON.parse(json) as Line;
    const level = line.level.toUpperCase().padEnd(5);
    const text = `${timeOf(line.time)} ${paint(COLOURS[line.level], level)} ${visible(textOf(line))}`;
    const stack = line.level === 'error' && line.err?.stack !== undefined ? `\n${visible(line.err.stack, true)}` : '';
    return `${text}${stack}\n`;
  };
}

/** Of the day, where whoever reads it is. */
function timeOf(iso: string): string {
  const time = new Date(iso);
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}

function textOf(line: Line): string {
  const isRequest = line.msg === 'request' && typeof line.status === 'number';
  const parts = [isRequest ? requestOf(line) : (line.msg ?? '')];
  if (!isRequest && line.request_id !== undefined) parts.push(shortId(line.request_id));
  for (const [name, value] of Object.entries(line)) {
    if (NOT_LISTED.includes(name) || name === 'request_id' || name === 'trace_id') continue;
    if (isRequest && OF_REQUESTS.includes(name)) continue;
    parts.push(`${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  }
  if (line.err !== undefined) parts.push(...messagesOf(line.err, line.msg ?? ''));
  return parts.join(' ');
}

/** Such as `POST /api/v1/token 200 276 ms 127.0.0.1 [297bf7ab]`. */
function requestOf(line: Line): string {
  const { method, route, status, address, refused, credential, request_id: id } = line as Record<string, string | null>;
  const ms = Number(line.ms) < 10 ? Number(line.ms) : Math.round(Number(line.ms));
  const why = refused == null ? '' : ` refused: ${refused}${credential == null ? '' : ` ${credential}`}`;
  return `${method ?? ''} ${route ?? '(no route)'} ${status ?? ''} ${ms} ms ${address ?? '-'} ${shortId(id)}${why}`;
}

/** Enough to find the others of the same request. */
function shortId(id: unknown): string {
  return `[${String(id).slice(0, 8)}]`;
}

/** @returns what an error and its causes say, without what has been said already */
function messagesOf(error: LoggedError, said: string): string[] {
  const { message = '', type = 'Error', cause } = error;
  const isNew = !said.includes(message) || message === '';
  const own = isNew ? [`(${type}${message === '' ? '' : `: ${message}`})`] : [];
  return [...own, ...(cause === undefined ? [] : messagesOf(cause, `${said} ${message}`))];
}

/** What a client has sent must not command the terminal: control characters are shown, not obeyed. */
function visible(text: string, isMultiline = false): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) =>
    isMultiline && character === '\n' ? character : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
