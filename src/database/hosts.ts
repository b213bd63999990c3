import { connect, type Socket } from 'node:net';
import type { DatabaseConnection, DatabaseHost } from '../config/database-url.js';

/** How long one of several hosts may take to be reached, in milliseconds. */
const HOST_TIMEOUT = 400;
/** How long a server may take to say whether it offers TLS, in milliseconds. */
const ANSWER_TIMEOUT = 2_000;
/** https://www.postgresql.org/docs/current/protocol-message-formats.html: SSLRequest */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

/** Hosts that were found to be standbys, or away: they are tried last. */
const passedOver = new Set<string>();
const nameOf = ({ host, port }: DatabaseHost) => `${host}:${port}`;

/**
 * @returns the first host that takes connections, of those that are not passed over if possible
 * @throws the last failure, when none does
 */
export async function firstReachable(hosts: DatabaseHost[]): Promise<DatabaseHost> {
  const isLast = (host: DatabaseHost) => passedOver.has(nameOf(host));
  let failure: unknown;
  for (const host of [...hosts.filter((one) => !isLast(one)), ...hosts.filter(isLast)]) {
    try {
      (await open(host, HOST_TIMEOUT)).destroy();
      // It is back, or has become the primary.
      passedOver.delete(nameOf(host));
      return host;
    } catch (error) {
      failure = error;
      passedOver.add(nameOf(host));
    }
  }
  throw failure;
}

/** Has a host tried after the others the next time. */
export function passOver(host: DatabaseHost): void {
  passedOver.add(nameOf(host));
}

/**
 * Finds out once, for `ssl: 'prefer'`, whether the server offers TLS.
 *
 * @throws when it cannot be reached
 */
export async function settleTls(connection: DatabaseConnection): Promise<DatabaseConnection> {
  const { ssl, ...plain } = connection;
  if (ssl !== 'prefer') return connection;
  const { otherHosts } = connection;
  const host = otherHosts ? await firstReachable([connection, ...otherHosts]) : connection;
  const socket = await open(host, ANSWER_TIMEOUT);
  try {
    socket.write(SSL_REQUEST);
    const answer = await firstByte(socket);
    return answer === 'S' ? { ...plain, ssl: { rejectUnauthorized: false } } : plain;
  } finally {
    socket.destroy();
  }
}

function open({ host, port }: DatabaseHost, timeout: number): Promise<Socket> {
  const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
  return new Promise((resolve, reject) => {
    socket.once('connect', () => {
      resolve(socket);
    });
    failOn(socket, timeout, reject);
  });
}

function firstByte(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.once('data', (data) => {
      resolve(data.toString('latin1', 0, 1));
    });
    failOn(socket, ANSWER_TIMEOUT, reject);
  });
}

function failOn(socket: Socket, timeout: number, reject: (error: Error) => void): void {
  const error = (message: string) => Object.assign(new Error(message), { code: 'ETIMEDOUT', syscall: 'connect' });
  socket.setTimeout(timeout, () => socket.destroy(error('The database server does not answer.')));
  socket.once('error', reject);
  socket.once('close', () => {
    reject(error('The database server has closed the connection.'));
  });
}
