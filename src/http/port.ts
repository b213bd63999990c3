import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';

/** How long an address of this machine may take to say whether anybody listens on it, in milliseconds. */
const LIMIT = 1_000;

const WILDCARDS = ['0.0.0.0', '::'];

export const portIsTaken = (host: string, port: number, cause?: unknown) =>
  new Error(`Port ${port} on ${host} is already in use. Stop the other program, or set PORT.`, { cause });

/**
 * Finds out early whether another program listens on a port, by connecting to it. To listen for a moment would take
 * connections that are meant for a server, and lose them; to listen from now on would keep their requests waiting.
 *
 * @throws when there is one
 */
export async function refuseTakenPort(host: string, port: number): Promise<void> {
  if (port === 0) return;
  const addresses = await addressesOf(host);
  const taken = await Promise.all(addresses.map((address) => answers(address, port)));
  if (taken.includes(true)) throw portIsTaken(host, port);
}

/** A name that is unknown is reported by whoever listens on it. */
async function addressesOf(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true }).catch(() => []);
  const addresses = found.map(({ address }) => address);
  if (!addresses.some((address) => WILDCARDS.includes(address))) return addresses;
  // A program on one address is in the way of one on all of them. Those of a link are told apart by the link's name.
  return Object.entries(networkInterfaces()).flatMap(([name, all = []]) =>
    all.map(({ address, scopeid }) => (scopeid ? `${address}%${name}` : address)),
  );
}

async function answers(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(LIMIT) });
    return true;
  } catch {
    return false;
  } finally {
    socket.on('error', () => undefined).destroy();
  }
}
