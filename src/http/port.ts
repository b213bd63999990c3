import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';

/** How long an address of this machine may take to say whether anybody listens on it, in milliseconds. */
const LIMIT = 1_000;

const WILDCARDS = ['0.0.0.0', '::'];

/** Why a server cannot listen, by the code of the failure. */
const PROBLEMS: Partial<Record<string, (host: string, port: number) => string>> = {
  EADDRINUSE: (host, port) => `Port ${port} on ${host} is already in use. Stop the other program, or set PORT.`,
  EACCES: (_host, port) =>
    `This user may not listen on port ${port}: ports below 1024 are for root. Set PORT to a higher one, such as 3000.`,
  EADDRNOTAVAIL: (host) =>
    `HOST ${host} is no address of this machine. Set HOST to one that is, such as 127.0.0.1, or to 0.0.0.0 for all.`,
  ENOTFOUND: (host) =>
    `HOST ${host} is a name that this machine does not know. Set HOST to an address, such as 127.0.0.1.`,
  EAI_AGAIN: (host) =>
    `HOST ${host} is a name that cannot be looked up now. Set HOST to an address, such as 127.0.0.1.`,
};

/** @returns the same failure as a sentence that says what to do; any other failure as it is */
export function whyNotListening(error: unknown, host: string, port: number): unknown {
  const problem = PROBLEMS[(error as { code?: string }).code ?? ''];
  return problem ? new Error(problem(host, port), { cause: error }) : error;
}

/**
 * Finds out early whether a server could listen: that the host is one of this machine's, and that no other program listens on the
 * port, by connecting to it. To listen there for a moment would take connections that are meant for a server, and lose them; to
 * listen from now on would keep their requests waiting.
 *
 * @throws an Error that says so when it could not
 */
export async function refuseTakenPort(host: string, port: number): Promise<void> {
  try {
    await listenSomewhere(host);
    if (port === 0) return;
    const addresses = await addressesOf(host);
    const taken = await Promise.all(addresses.map((address) => answers(address, port)));
    if (taken.includes(true)) throw Object.assign(new Error('taken'), { code: 'EADDRINUSE' });
  } catch (error) {
    throw whyNotListening(error, host, port);
  }
}

/** On a port of the system's choice, for a moment. @throws when the host is none of this machine's */
async function listenSomewhere(host: string): Promise<void> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  server.close();
}

async function addressesOf(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true });
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
