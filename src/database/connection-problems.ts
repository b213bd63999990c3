import type { DatabaseConnection } from '../config/database-url.js';
import { NO_TLS } from '../errors/database-errors.js';

/** The variable whose URL leads to a database. */
export type DatabaseVariable = 'DATABASE_URL' | 'DATABASE_DIRECT_URL';

interface Failure {
  code?: string;
  message: string;
}

/** What to do about a failure to connect, by its code: SQLSTATE, or that of a system call. */
const REMEDIES: [code: RegExp, remedy: (variable: DatabaseVariable, connection: DatabaseConnection) => string][] = [
  [/^28P01$/, (variable) => `Check the user and the password in ${variable}.`],
  [/^28/, (variable) => `Check the user in ${variable}, and pg_hba.conf on the server.`],
  [/^3D000$/, (variable, { database }) => `Create it (createdb ${database ?? ''}), or correct ${variable}.`],
  [/^ECONNREFUSED$/, (variable) => `Is PostgreSQL running there, and is ${variable} right?`],
  [/^ENOENT$/, (variable) => `There is no PostgreSQL behind this socket: is it running, and is ${variable} right?`],
  [/^(ENOTFOUND|EAI_AGAIN)$/, (variable) => `The host in ${variable} is a name that this machine does not know.`],
  [
    /^(ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)$/,
    (variable) => `Is the host in ${variable} right, and is a firewall in between?`,
  ],
  [
    /^(SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT(_LOCALLY)?))$/,
    (variable) =>
      'Its certificate is from no authority that is trusted here: set DATABASE_CA_FILE to the certificate of that authority ' +
      `(or sslrootcert in ${variable}).`,
  ],
  [
    /^CERT_SIGNATURE_FAILURE$/,
    () =>
      'Its certificate is not from the authority in DATABASE_CA_FILE, although that has the same name: set the right one.',
  ],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    (variable) =>
      `Its certificate is for another name: use one that it is for in ${variable}, or have one issued for this host.`,
  ],
  [/^CERT_HAS_EXPIRED$/, () => 'Renew the certificate of the server, or of the authority if that is the one.'],
  [/^CERT_NOT_YET_VALID$/, () => 'Is the clock of this machine right?'],
  [
    NO_TLS,
    (variable) =>
      `Turn TLS on there (ssl = on in postgresql.conf), or set sslmode=disable in ${variable} if the way is safe.`,
  ],
  [/^53300$/, () => 'The server has no connection left: raise max_connections, or lower DATABASE_POOL_SIZE.'],
];

/**
 * @param variable where the connection was taken from; undefined: it is Latchkey's own database
 * @returns the failure to connect, with where it was and what to do about it
 */
export function explainConnectionFailure(
  error: Error,
  connection: DatabaseConnection,
  variable: DatabaseVariable | undefined,
): Error {
  const { code = '', message }: Failure = error;
  const remedy = remedyOf(error, connection, variable);
  if (!remedy) return error;
  // An error of several addresses has no message of its own.
  return Object.assign(new Error(`${message || code} (${placeOf(connection)}). ${remedy}`, { cause: error }), { code });
}

/** @returns what to do about a failure to connect, in a sentence; undefined: that is not known */
export function remedyOf(
  { code = '', message }: Failure,
  connection: DatabaseConnection,
  variable: DatabaseVariable | undefined,
): string | undefined {
  return variable && REMEDIES.find(([pattern]) => pattern.test(code || message))?.[1](variable, connection);
}

/** Where a database is, without anything secret. */
export function placeOf({ host, port, database }: DatabaseConnection): string {
  const where = host.startsWith('/') ? `socket in ${host}` : `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return database === undefined ? where : `${where}, database "${database}"`;
}

/** @returns the refusal to make tables, with what to do about it; any other failure as it is */
export function explainRefusedMigration(error: unknown, { user = '', database = '' }: DatabaseConnection): unknown {
  if ((error as Failure).code !== '42501') return error;
  const remedy =
    `Make "${user}" the owner of the database "${database}" (ALTER DATABASE "${database}" OWNER TO "${user}"), ` +
    'or make it a member of the role that owns the tables, migrate as that role, and set RUN_MIGRATIONS=false.';
  return new Error(`${(error as Failure).message}. ${remedy}`, { cause: error });
}
