import type { FastifyInstance } from 'fastify';
import { isBehind, type Door, type DoorAddress } from '../config/doors.js';
import type { Connections } from './connections.js';
import { listenOn, opening, withPort } from './port.js';

/** The constraint of a route, by which Fastify's router finds it at some doors only. */
const CONSTRAINT = 'door';

/**
 * Makes each route known to the router at its doors alone: at another one it does not exist, for errors, the log and metrics
 * alike. Must be called before the first route is registered; not at all where there is one door, as it costs each request a little.
 */
export function keepDoors(fastify: FastifyInstance, others: readonly Door[], connections: Connections): void {
  fastify.addConstraintStrategy({
    name: CONSTRAINT,
    storage: handlersByDoor,
    deriveConstraint: ({ socket }) => connections.doorOf(socket),
    mustMatchWhenDerived: false,
  });
  fastify.addHook('onRoute', (route) => {
    const doors = (['public', ...others] as const).filter((door) => isBehind(door, others, route.url));
    route.constraints = { ...route.constraints, [CONSTRAINT]: doors.join() };
  });
}

/** Routes are kept by the list of their doors, and found by one door. */
function handlersByDoor<T>() {
  const kept = new Map<string, T>();
  return {
    get: (key: string) => kept.get(key) ?? null,
    set: (doors: string, handlers: T) => {
      for (const key of [doors, ...doors.split(',')]) kept.set(key, handlers);
    },
    del: (key: string) => kept.delete(key),
    empty: () => {
      kept.clear();
    },
  };
}

/**
 * Opens a door of a server: listens on its address.
 *
 * @returns the address, with the port that it has got
 * @throws an Error that says so when another program has the port
 */
export async function openDoor(fastify: FastifyInstance, address: DoorAddress): Promise<DoorAddress> {
  const { door, host, port } = address;
  const { connections } = fastify;
  await fastify.ready();
  const server = await opening(address, async () => {
    if (door !== 'public') return (await listenOn(address, () => connections.createServerFor(door)))[0];
    await fastify.listen({ host, port });
    return fastify.server;
  });
  return withPort(address, server);
}
