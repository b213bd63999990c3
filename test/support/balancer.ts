import { once } from 'node:events';
import { Agent, get, request } from 'node:http';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A plain TCP load balancer: each connection goes to the next server that takes it. With probes it passes over those that are
 * not ready; without, it learns that a server is gone when a connection is refused.
 */
export class Balancer {
  private readonly server: Server;
  private readonly ready = new Set<number>();
  private readonly sockets = new Set<Socket>();
  private turn = 0;
  private isClosed = false;

  private constructor(
    private readonly ports: number[],
    private readonly probeEvery: number | undefined,
  ) {
    this.server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
      this.keep(client);
      this.lead(client, this.choices());
    });
  }

  /** @param probeEvery in milliseconds; undefined: it does not probe */
  static async start(ports: number[], probeEvery?: number): Promise<Balancer> {
    const balancer = new Balancer(ports, probeEvery);
    balancer.server.listen(0, '127.0.0.1');
    await once(balancer.server, 'listening');
    await balancer.probe();
    if (probeEvery !== undefined) void balancer.keepProbing(probeEvery);
    return balancer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Whether it would send anybody to a server. */
  trusts(port: number): boolean {
    return this.choices().includes(port);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    await once(this.server, 'close');
  }

  private choices(): number[] {
    this.turn += 1;
    const first = this.turn % this.ports.length;
    const inTurn = [...this.ports.slice(first), ...this.ports.slice(0, first)];
    return this.probeEvery === undefined ? inTurn : inTurn.filter((port) => this.ready.has(port));
  }

  private lead(client: Socket, [port, ...others]: number[]): void {
    if (port === undefined) {
      client.destroy();
      return;
    }
    const server = connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
    const refused = () => {
      this.lead(client, others);
    };
    server.once('error', refused);
    server.once('connect', () => {
      server.off('error', refused);
      this.keep(server);
      for (const [one, other] of [
        [client, server],
        [server, client],
      ] as const) {
        one.once('close', (failed) => {
          if (failed) other.destroy();
        });
        one.pipe(other);
      }
    });
  }

  private keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.sockets.delete(socket));
  }

  private async keepProbing(every: number): Promise<void> {
    while (!this.isClosed) {
      await sleep(every);
      await this.probe();
    }
  }

  private async probe(): Promise<void> {
    await Promise.all(
      this.ports.map(async (port) => {
        if (await isReady(port)) this.ready.add(port);
        else this.ready.delete(port);
      }),
    );
  }
}

function isReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    get({ host: '127.0.0.1', port, path: '/readyz', agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    }).on('error', () => {
      resolve(false);
    });
  });
}

/** Clients that ask again and again, each on a connection that it keeps for as long as it may. */
export class Crowd {
  answered = 0;
  /** What went wrong, once for each request. */
  readonly failures: string[] = [];
  private isOver = false;
  private readonly clients: Promise<void>[];

  /**
   * @param pause between two requests of one client, at most, in milliseconds
   * @param ask what a client sends
   */
  constructor(
    private readonly url: string,
    size: number,
    private readonly pause: number,
    private readonly ask: () => { method: string; path: string; headers?: Record<string, string>; body?: string },
  ) {
    this.clients = Array.from({ length: size }, () => this.work());
  }

  /** Waits for the last answers. */
  async stop(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.clients);
  }

  private async work(): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (!this.isOver) {
      await sleep(Math.random() * this.pause);
      try {
        const status = await this.send(agent);
        if (status < 300) this.answered += 1;
        else this.failures.push(`answered ${status}`);
      } catch (error) {
        this.failures.push(String(error));
      }
    }
    agent.destroy();
  }

  private send(agent: Agent): Promise<number> {
    const { method, path, headers = {}, body = '' } = this.ask();
    const content = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) };
    return new Promise((resolve, reject) => {
      const sent = request(`${this.url}${path}`, {
        method,
        agent,
        headers: { ...(body !== '' && content), ...headers },
      });
      sent.on('error', reject);
      sent.on('response', (answer) => {
        answer.on('error', reject).on('end', () => {
          resolve(answer.statusCode ?? 0);
        });
        answer.resume();
      });
      sent.end(body);
    });
  }
}
