import { createServer, type Server, type Socket } from 'node:net';
import type { Door } from '../config/doors.js';
import type { Workers } from './workers.js';
import type { WorkerProcess } from './worker-process.js';

/** A connection that was accepted. */
interface Visitor {
  socket: Socket;
  door: Door;
}

/**
 * Gives each connection to a worker. Only this process has the ports, so that nothing else can share it by
 * accident, and every connection that it has accepted is with a worker before those are told to end.
 */
export class Front {
  private readonly waiting: Visitor[] = [];
  private readonly giving = new Set<Promise<void>>();

  constructor(private readonly workers: Workers) {}

  /** Makes a server for an address of a door. */
  createServer(door: Door): Server {
    return createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
      socket.on('error', () => undefined);
      this.waiting.push({ socket, door });
      this.give();
    });
  }

  /** Gives what waits to whoever is free. */
  give(): void {
    while (this.waiting.length > 0) {
      const worker = this.workers.next();
      const visitor = worker && this.waiting.shift();
      if (!visitor) return;
      const given = this.giveTo(worker, visitor);
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
    for (const { socket } of this.waiting.splice(0)) socket.destroy();
  }

  private async giveTo(worker: WorkerProcess, { socket, door }: Visitor): Promise<void> {
    worker.isTaking = true;
    try {
      worker.connections = await worker.peer.ask('connection', { door }, socket);
      // This process's copy.
      socket.destroy();
    } catch {
      // It has ended, and may have read some of it, so that nobody else can serve it.
      socket.destroySoon();
    }
    worker.isTaking = false;
  }
}
