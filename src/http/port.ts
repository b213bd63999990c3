import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { PORT_OF, type DoorAddress } from '../config/doors.js';

/** How long an address of this machine may take to say whether anybody listens on it, in milliseconds. */
const LIMIT = 1_000;

const WILDCARDS = ['0.0.0.0', '::'];

/** Why a door cannot be opened, by the code of the failure. `port` and `host` are the variables that say where it is. */
const PROBLEMS: Partial<Record<string, (at: DoorAddress, variables: { port: string; host: string }) => string>> = {
  EADDRINUSE: ({ host, port }, set) =>
    `Port ${port} on ${host} is already in use. Stop the other program, or set ${set.port}.`,
  EACCES: ({ port }, set) =>
    `This user may not listen on port ${port}: ports below 1024 are for root. Set ${set.port} to a higher one, such as 3000.`,
  EADDRNOTAVAIL: ({ host }, set) =>
    `${set.host} ${host} is no address of this machine. Set ${set.host} to one that is, such as 127.0.0.1, or to 0.0.0.0 for all.`,
  ENOTFOUND: ({ host }, set) =>
    `${set.host} ${host} is a name that this machine does not know. Set ${set.host} to an address, such as 127.0.0.1.`,
  EAI_AGAIN: ({ host }, set) =>
    `${set.host} ${host} is a name that cannot be looked up now. Set ${set.host} to an address, such as 127.0.0.1.`,
};

/** @returns why a door cannot be opened, and what to do; undefined: the code says nothing of that */
function problemOf(code: string, address: DoorAddress): string | undefined {
  const port = PORT_OF[address.door];
  return PROBLEMS[code]?.(address, { port, host: port.replace('PORT', 'HOST') });
}

/** @returns the same failure as a sentence that says what to do; any other failure as it is */
function whyNotListening(error: unknown, address: DoorAddress): unknown {
  const problem = problemOf((error as { code?: string }).code ?? '', address);
  return problem === undefined ? error : new Error(problem, { cause: error });
}

/**
 * Finds out early whether a door could be opened: that the host is one of this machine's, and that no other program listens on the
 * port, by connecting to it. To listen there for a moment would take connections that are meant for a server, and lose them; to
 * listen from now on would keep their requests waiting.
 *
 * @throws an Error that says so when it could not
 */
export async function refuseTakenPort(address: DoorAddress): Promise<void> {
  const { host, port } = address;
  await opening(address, async () => {
    await listenSomewhere(host);
    if (port === 0) return;
    const addresses = await addressesOf(host);
    const taken = await Promise.all(addresses.map((one) => answers(one, port)));
    if (taken.includes(true)) throw new Error(problemOf('EADDRINUSE', address));
  });
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

/**
 * @param listen opens the door
 * @returns what that does
 * @throws an Error that says why it cannot, and what to do
 */
export async function opening<T>(address: DoorAddress, listen: () => Promise<T>): Promise<T> {
  try {
    return await listen();
  } catch (error) {
    throw whyNotListening(error, address);
  }
}

/**
 * Listens as Fastify does: on all addresses of `localhost`, as far as that is possible, and otherwise on the first of the name.
 *
 * @param make makes a server, for each address
 * @returns the servers, which stay when accepting a connection fails, for instance for lack of memory: the next one may succeed
 */
export async function listenOn({ host, port }: DoorAddress, make: () => Server): Promise<Server[]> {
  const first = await listening(make(), host, port);
  if (host !== 'localhost') return [first];
  const { address, port: taken } = first.address() as AddressInfo;
  const others = (await lookup(host, { all: true })).filter((other) => other.address !== address);
  const more = others.map((other) => listening(make(), other.address, taken).catch(() => undefined));
  return [first, ...(await Promise.all(more)).filter((server) => server !== undefined)];
}

async function listening(server: Server, host: string, port: number): Promise<Server> {
  server.listen({ host, port });
  await once(server, 'listening');
  server.on('error', () => undefined);
  return server;
}

/** @returns the address of a server that listens, with the port that it has got */
export const withPort = (address: DoorAddress, server: Server | undefined): DoorAddress => ({
  ...address,
  port: (server?.address() as AddressInfo).port,
});
