import type { MailRefusal } from '../metrics/metrics.service.js';

/** The parts of nodemailer's and Node's errors that are safe to keep. */
interface Failure {
  name?: unknown;
  code?: unknown;
  originalCode?: unknown;
  responseCode?: unknown;
  response?: unknown;
  command?: unknown;
}

/**
 * Replies that stand for trouble between us and the server, whatever they answer (RFC 5321 section 4.2.3, RFC 4954
 * section 6, RFC 7504 section 3.1): commands that it does not know or that come at the wrong time, a server that takes
 * no mail at all, and a missing, weak or failed login.
 */
const ABOUT_THE_SESSION = [502, 503, 521, 530, 534, 535, 538];
/** A mailbox that is full may be emptied (RFC 5321 section 4.5.3.1.10); a mail that is too big for a system (RFC 3463) stays so. */
const FULL = 552;
const TOO_BIG = '5.3.4';

/**
 * Why a mail was not sent, for the log and the database: the class of the failure (https://nodemailer.com/errors/), the
 * system's code, and the server's reply code with its enhanced one (RFC 3463), such as `EAUTH 535 5.7.8`. Nothing
 * else: messages, replies and commands may repeat the recipient, the mail or the password.
 */
export function describeFailure(error: unknown): string {
  const { name, code, originalCode, responseCode, response } = partsOf(error);
  const codes = [code, originalCode, responseCode, enhancedOf(response)].filter(isCode);
  if (codes.length > 0) return codes.join(' ');
  return typeof name === 'string' ? name : 'unknown failure';
}

/**
 * @returns what was refused for good: by a 5xx reply to RCPT or DATA, or by nodemailer, which sends no recipient that
 *   could not stand in a command. undefined for whatever may change: a 4xx reply, a broken connection, and every refusal of
 *   the server to talk to us, or of the sender that we name (MAIL), which its operator or ours can mend
 */
export function refusalOf(error: unknown): MailRefusal | undefined {
  const { code, responseCode, response, command } = partsOf(error);
  // Our sender was looked at when the server started: it is the recipient that is in the way.
  if (code === 'EENVELOPE' && command === 'API') return 'recipient';
  const isFinal = typeof responseCode === 'number' && responseCode >= 500 && responseCode <= 599;
  if (!isFinal || ABOUT_THE_SESSION.includes(responseCode)) return undefined;
  if (responseCode === FULL && enhancedOf(response) !== TOO_BIG) return undefined;
  return command === 'RCPT TO' ? 'recipient' : command === 'DATA' ? 'message' : undefined;
}

/** Whether a delivery took so long that it was broken off. */
export function wasSilent(error: unknown): boolean {
  const { code, originalCode } = partsOf(error);
  return code === 'ETIMEDOUT' || originalCode === 'ETIMEDOUT';
}

/** @returns the enhanced code of a reply (RFC 3463) */
function enhancedOf(response: unknown): string | undefined {
  return typeof response === 'string' ? /^\d{3}[ -]([245](?:\.\d{1,3}){2})\b/.exec(response)?.[1] : undefined;
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
