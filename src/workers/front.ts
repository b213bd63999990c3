import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { Workers } from './workers.js';
import type { WorkerProcess } from './worker-process.js';

/**
 * Listens, and gives each connection to a worker. Only this process has the port, so that nothing else can share it by
 * accident, and every connection that it has accepted is with a worker before those are told to end.
 */
export class Front {
  readonly servers: Server[] = [];
  private readonly waiting: Socket[] = [];
  private readonly giving = new Set<Promise<void>>();

  constructor(private readonly workers: Workers) {}

  /** @throws what listening on the address throws */
  async listen(host: string, port: number): Promise<void> {
    await this.listenOn(host, port);
    if (host !== 'localhost') return;
    // As Fastify does: on all addresses of that name, as far as that is possible.
    const first = this.servers[0]?.address();
    if (typeof first !== 'object' || first === null) return;
    const addresses = (await lookup(host, { all: true })).map(({ address }) => address);
    for (const address of addresses.filter((other) => other !== first.address)) {
      await this.listenOn(address, first.port).catch(() => undefined);
    }
  }

  /** Gives what waits to whoever is free. */
  give(): void {
    while (this.waiting.length > 0) {
      const worker = this.workers.next();
      const socket = worker && this.waiting.shift();
      if (!socket) return;
      const given = this.giveTo(worker, socket);
      this.giving.add(given);
      void given.finally(() => {
        this.giving.delete(given);
        this.give();
      });
    }
  }

  /** Settles when no connection waits any more. To be called when no more are accepted. */
  async drain(): Promise<void> {
    while (this.giving.size > 0) await Promise.race(this.giving);
    for (const socket of this.waiting.splice(0)) socket.destroy();
  }

  private async giveTo(worker: WorkerProcess, socket: Socket): Promise<void> {
    worker.isTaking = true;
    try {
      worker.connections = await worker.peer.ask('connection', undefined, socket);
      // This process's copy.
      socket.destroy();
    } catch {
      // It has ended, and may have read some of it, so that nobody else can serve it.
      socket.destroySoon();
    }
    worker.isTaking = false;
  }

  private async listenOn(host: string, port: number): Promise<void> {
    const server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
      socket.on('error', () => undefined);
      this.waiting.push(socket);
      this.give();
    });
    server.listen({ host, port });
    await once(server, 'listening');
    // Accepting a connection may fail, for instance for lack of memory; the next one may succeed.
    server.on('error', () => undefined);
    this.servers.push(server);
  }
}
