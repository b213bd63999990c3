/** The parts of nodemailer's and Node's errors that are safe to keep. */
interface Failure {
  name?: unknown;
  code?: unknown;
  originalCode?: unknown;
  responseCode?: unknown;
  response?: unknown;
}

/**
 * Why a mail was not sent, for the log and the database: the class of the failure (https://nodemailer.com/errors/), the
 * system's code, and the server's reply code with its enhanced one (RFC 3463), such as `EAUTH 535 5.7.8`. Nothing
 * else: messages, replies and commands may repeat the recipient, the mail or the password.
 */
export function describeFailure(error: unknown): string {
  const { name, code, originalCode, responseCode, response } = partsOf(error);
  const enhanced = typeof response === 'string' ? /^\d{3}[ -]([245](?:\.\d{1,3}){2})\b/.exec(response)?.[1] : undefined;
  const codes = [code, originalCode, responseCode, enhanced].filter(isCode);
  if (codes.length > 0) return codes.join(' ');
  return typeof name === 'string' ? name : 'unknown failure';
}

function partsOf(error: unknown): Failure {
  return typeof error === 'object' && error !== null ? error : {};
}

function isCode(value: unknown): value is string | number {
  return typeof value === 'number' || (typeof value === 'string' && /^[A-Z0-9_.]{1,60}$/.test(value));
}

/** Why an attempt was aborted, as the reason of its signal. */
export class AttemptEnded extends Error {
  constructor(readonly code: 'ETIMEDOUT' | 'STOPPED') {
    super(code === 'STOPPED' ? 'The server is stopping.' : 'The attempt timed out.');
  }
}
