import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { PostgresConnection } from '@latchkey/supervised-postgres';

interface Call {
  /** What the client called itself when it connected; undefined before that. */
  application: string | undefined;
  sockets: [client: Socket, database: Socket];
  hasLost?: boolean;
}

/**
 * A way to PostgreSQL over TCP on which calls can be frozen, by the `application_name` of their client: nothing comes
 * through any more, in either direction, and nobody is told. Or they are muted: what is asked arrives, the answer does not.
 */
export class Line {
  /** Which database a call asks for whose client asks for the target's. */
  private asked: string;
  private readonly calls = new Set<Call>();
  /** Also of calls that one side has ended: the other may be frozen. */
  private readonly sockets = new Set<Socket>();
  private lost: 'questions' | 'answers' | undefined;
  private frozen: (application: string) => boolean = () => false;
  private muted: (application: string) => boolean = () => false;

  private constructor(
    private readonly server: Server,
    private target: PostgresConnection,
  ) {
    this.asked = target.database;
    server.on('connection', (client) => {
      this.take(client);
    });
  }

  static async open(target: PostgresConnection): Promise<Line> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Line(server, target);
  }

  get connection(): PostgresConnection {
    return { ...this.target, host: '127.0.0.1', port: (this.server.address() as AddressInfo).port };
  }

  get url(): string {
    const { user, password, host, port, database } = this.connection;
    return `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}`;
  }

  /** Calls to come lead elsewhere, whatever database their clients ask for: one whose name is as long. */
  moveTo(target: PostgresConnection): void {
    this.target = target;
  }

  /** Freezes the calls of these clients, those that are there and those to come, until {@link thaw}. */
  freeze(frozen: (application: string) => boolean): void {
    this.frozen = frozen;
    for (const call of this.calls) this.apply(call);
  }

  /** Loses the answers to these clients, also on calls to come, until {@link thaw}. */
  mute(muted: (application: string) => boolean): void {
    this.muted = muted;
    for (const call of this.calls) this.apply(call);
  }

  /** Ends the calls of these clients, with what was on its way. */
  cut(cut: (application: string) => boolean): void {
    for (const { application, sockets } of this.calls) {
      if (application !== undefined && cut(application)) for (const socket of sockets) socket.destroy();
    }
  }

  /** Lets calls to come through; those that are frozen stay so. */
  takeNewCalls(): void {
    this.frozen = () => false;
  }

  thaw(): void {
    this.muted = () => false;
    this.freeze(() => false);
  }

  /** Ends the calls that are there as a firewall does that has forgotten them: the client is told that there is none. */
  reset(which: (application: string) => boolean = () => true): void {
    for (const { application, sockets } of this.calls) {
      if (!which(application ?? '')) continue;
      const [client, database] = sockets;
      client.resetAndDestroy();
      database.destroy();
    }
  }

  /** Lets nothing through in one direction, and all in the other, until {@link deliver}. What is held back is lost. */
  lose(what: 'questions' | 'answers'): void {
    this.lost = what;
  }

  /** Lets everything through again. A call that has lost something is of no use any more. */
  deliver(): void {
    if (this.lost === undefined) return;
    this.lost = undefined;
    for (const call of [...this.calls]) if (call.hasLost) for (const socket of call.sockets) socket.destroy();
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private take(client: Socket): void {
    const database = connect(join(this.target.host, `.s.PGSQL.${this.target.port}`));
    const call: Call = { application: undefined, sockets: [client, database] };
    this.calls.add(call);
    client.once('data', (startup: Buffer) => {
      call.application = /application_name\0([^\0]*)\0/.exec(startup.toString('latin1'))?.[1] ?? '';
      const name = startup.indexOf(this.asked);
      if (name >= 0) startup.write(this.target.database, name);
      this.apply(call);
    });
    for (const [from, to] of [call.sockets, [database, client] as const]) {
      from.on('data', (chunk: Buffer) => {
        if (this.lost === (from === client ? 'questions' : 'answers')) call.hasLost = true;
        else to.write(chunk);
      });
      this.sockets.add(from);
      from.on('error', () => from.destroy());
      from.on('close', () => {
        this.sockets.delete(from);
        this.calls.delete(call);
        to.end();
      });
    }
  }

  private apply({ application, sockets }: Call): void {
    if (application === undefined) return;
    const isFrozen = this.frozen(application);
    const [client, database] = sockets;
    for (const [socket, isPaused] of [
      [client, isFrozen],
      [database, isFrozen || this.muted(application)],
    ] as const) {
      if (isPaused) socket.pause();
      else socket.resume();
    }
  }
}
