import { QueryFailedError, QueryRunnerAlreadyReleasedError, QueryRunnerProviderAlreadyReleasedError } from 'typeorm';

interface DriverError {
  code?: string;
  syscall?: string;
  constraint?: string;
  severity?: string;
  message?: string;
}

/** SQLSTATE classes and codes that say "not now": https://www.postgresql.org/docs/current/errcodes-appendix.html */
const UNAVAILABLE_STATES = /^(08...|53...|57P0[1-5]|57014|55P03|25006|40001|40P01)$/;
const UNAVAILABLE_SYSTEM_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
/** Messages of `pg` and its pool that come without a code. */
const UNAVAILABLE_MESSAGES =
  /Connection terminated|timeout exceeded when trying to connect|Query read timeout|not queryable|after calling end on the pool|Connection ended/;

/** OpenSSL's and Node's codes of a certificate that does not do. */
const CERTIFICATE_CODES =
  /^(CERT_.*|SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_.*|ERR_TLS_CERT_ALTNAME_INVALID)$/;
/** `pg` has no code for it. */
export const NO_TLS = /^The server does not support SSL connections$/;

/** Whether the database's certificate does not do, or there is no TLS. */
export function isTlsRefusal(error: unknown): boolean {
  const { code, message } = driverError(error) ?? {};
  return CERTIFICATE_CODES.test(code ?? '') || NO_TLS.test(message ?? '');
}

/**
 * Whether an error means that PostgreSQL is unreachable, starting, stopping or too busy, so that a retry may succeed.
 */
export function isDatabaseUnavailable(error: unknown): boolean {
  // TypeORM's errors when the connection was lost between two statements of a transaction.
  if (error instanceof QueryRunnerAlreadyReleasedError || error instanceof QueryRunnerProviderAlreadyReleasedError) {
    return true;
  }
  const cause = driverError(error);
  if (!cause) return false;
  if (cause.syscall === 'connect' && cause.code === 'ENOENT') return true;
  // PostgreSQL's severity for errors that end the connection or refuse it.
  if (cause.severity === 'FATAL') return true;
  return (
    UNAVAILABLE_STATES.test(cause.code ?? '') ||
    // Only with the name of a system call: an HTTP client that hangs up is an ECONNRESET without one.
    (cause.syscall !== undefined && UNAVAILABLE_SYSTEM_CODES.has(cause.code ?? '')) ||
    UNAVAILABLE_MESSAGES.test(cause.message ?? '') ||
    isTlsRefusal(cause)
  );
}

/** Whether a statement failed because it would have violated the named unique index. */
export function isUniqueViolation(error: unknown, constraint: string): boolean {
  const cause = driverError(error);
  return cause?.code === '23505' && cause.constraint === constraint;
}

/** Whether a transaction failed because of what others did at the same time, and may succeed the next time. */
export function isConflict(error: unknown): boolean {
  // serialization_failure, deadlock_detected, lock_not_available, unique_violation
  return ['40001', '40P01', '55P03', '23505'].includes(driverError(error)?.code ?? '');
}

/** Whether a statement has waited for a lock for as long as it may. */
export function isLockTimeout(error: unknown): boolean {
  return driverError(error)?.code === '55P03';
}

/** Whether PostgreSQL ended a transaction so that others, which waited for it as it for them, could go on. */
export function isDeadlock(error: unknown): boolean {
  return driverError(error)?.code === '40P01';
}

/** Whether a statement failed because of what it was to store: a value, a constraint, or a size. */
export function isBadData(error: unknown): boolean {
  return /^(22|23|54)...$/.test(driverError(error)?.code ?? '');
}

function driverError(error: unknown): DriverError | undefined {
  if (error instanceof QueryFailedError) return error.driverError as DriverError;
  return typeof error === 'object' && error !== null ? error : undefined;
}
