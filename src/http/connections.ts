import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Door } from '../config/doors.js';
import type { ApiError } from '../errors/api-error.js';
import { noProxy, writeRefusal } from './parser-errors.js';

/** What one peer may take of the server. Durations are milliseconds. */
export interface ConnectionLimits {
  /** From the first byte of a request, or the opening of a connection, to the end of its head. */
  head: number;
  /** The same, to the end of its body. */
  request: number;
  /** For how long a connection stays with nothing sent either way while a request is answered. */
  silence: number;
  /** For how long one stays between requests. */
  idle: number;
  /** How often the first two are looked at, so how late they are at most. */
  checkEvery: number;
}

export const CONNECTION_LIMITS: ConnectionLimits = {
  head: 15_000,
  request: 30_000,
  // Longer than the longest statement that a request may wait for.
  silence: 65_000,
  // Longer than the 60 s of the usual proxies, which must be the ones to hang up.
  idle: 72_000,
  checkEvery: 1_000,
};

/** How many requests may wait on one connection for the answer before theirs. A piece of 64 KiB can hold thousands. */
const MOST_WAITING = 32;

/** While it closes, how often it looks for connections that have nothing to do, in milliseconds. */
const LOOK_EVERY = 50;
/** How long it may take until no connection waits to be accepted, in milliseconds. */
const ACCEPT_LIMIT = 3_000;
/** How short a turn of the event loop has to be for it, and after what time twice that will do, in milliseconds. */
const QUIET = 0.2;
const PATIENCE = 200;

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  /** Whether the connection could serve another request, were the server not to stop. */
  lasts: boolean;
}

interface Connection {
  /** Whether something is being done on it. */
  isBusy: boolean;
  current: Exchange | undefined;
  /** What is to be done on it next, in turn. */
  waiting: (() => void)[];
}

/**
 * The connections of a server: each answers one request at a time, so that a peer that sends many and reads nothing
 * holds one answer, and all of them can be brought to an end without losing a request.
 */
export class Connections {
  private readonly servers: { door: Door; server: Server }[] = [];
  private handle: RequestListener | undefined;
  private readonly open = new Map<Socket, Connection>();
  /** Also of those that have closed: what is left of their requests is behind the same door. */
  private readonly doors = new WeakMap<Socket, Door>();
  private phase: 'serving' | 'leaving' | 'closing' = 'serving';

  /** @param bareHeaders those of an answer that no hook has seen */
  constructor(
    private readonly limits: ConnectionLimits,
    private readonly bareHeaders: Record<string, string>,
  ) {}

  /** Whether requests are to be refused, as the server is about to end. */
  get isClosing(): boolean {
    return this.phase === 'closing';
  }

  /** How many there are. */
  get size(): number {
    return this.open.size;
  }

  /** By which a connection came in. */
  doorOf(socket: Socket): Door {
    return this.doors.get(socket) ?? 'public';
  }

  /** Serves a connection that another process has accepted. */
  serve(socket: Socket, at: Door): void {
    const server = this.servers.find(({ door }) => door === at)?.server;
    if (!server) return;
    // As Node's HTTP servers accept them.
    socket.allowHalfOpen = true;
    server.emit('connection', socket);
  }

  /**
   * To be called instead of listening, by whoever calls {@link serve}: it begins to look after the limits.
   *
   * @param others the doors beside the public one, which Fastify has a server for
   */
  begin(others: readonly Door[]): void {
    for (const door of others) this.createServerFor(door);
    for (const { server } of this.servers) server.emit('listening');
  }

  /** Makes an HTTP server; Fastify asks for one for each address that it listens on. */
  createServer(handle: RequestListener): Server {
    this.handle = handle;
    return this.createServerFor('public');
  }

  /** Makes an HTTP server for an address of another door, once Fastify has asked for one. */
  createServerFor(door: Door): Server {
    const { handle } = this;
    if (!handle) throw new Error('There is nothing to serve yet.');
    const { head, request, silence, idle, checkEvery } = this.limits;
    const server = createServer({
      headersTimeout: head,
      requestTimeout: request,
      keepAliveTimeout: idle,
      connectionsCheckingInterval: checkEvery,
      // Ours is worded (`request-head.ts`).
      requireHostHeader: false,
    });
    // Beyond a thousand it would drop them without a word; how many there may be is looked at in `request-head.ts`.
    server.maxHeadersCount = 0;
    server.setTimeout(silence);
    server.on('connection', (socket) => {
      this.doors.set(socket, door);
      this.open.set(socket, { isBusy: false, current: undefined, waiting: [] });
      socket.once('close', () => this.open.delete(socket));
    });
    const serve: RequestListener = (incoming, response) => {
      this.take(incoming, response, handle);
    };
    server.on('request', serve);
    // What we do not expect from it, it may expect all the same (RFC 9110 section 10.1.1).
    server.on('checkExpectation', serve);
    server.on('clientError', (error: Error, socket) => {
      this.refuse(error, socket as Socket);
    });
    server.on('connect', ({ socket }: IncomingMessage) => {
      this.refuse(noProxy(), socket);
    });
    this.servers.push({ door, server });
    return server;
  }

  /** From now on each answer is the last of its connection, unless more requests have come on it already. */
  leave(): void {
    this.phase = 'leaving';
    for (const connection of this.open.values()) this.settle(connection);
  }

  /**
   * Takes no more connections, and ends those that there are as they have answered.
   *
   * @param grace for how long those that are idle are kept, as a request may be on its way, in milliseconds. Requests
   *   that come later are refused (see {@link isClosing})
   * @param limit after how long all of them are cut off, in milliseconds
   */
  async close(grace: number, limit: number): Promise<void> {
    this.leave();
    const end = performance.now() + limit;
    const graceEnd = performance.now() + Math.min(grace, limit);
    await Promise.all(this.servers.map(({ server }) => stopAccepting(server)));
    while (this.open.size > 0 && performance.now() < graceEnd) await sleep(LOOK_EVERY);
    this.phase = 'closing';
    while (this.open.size > 0 && performance.now() < end) {
      // What has arrived is read first: it may be a request.
      await nextTurn();
      this.endIdle();
      if (this.open.size > 0) await sleep(LOOK_EVERY);
    }
    for (const { server } of this.servers) server.closeAllConnections();
  }

  private endIdle(): void {
    // Those on which nothing has been sent yet are not idle for Node.
    for (const socket of this.open.keys()) if (socket.bytesRead === 0) socket.destroy();
    for (const { server } of this.servers) server.closeIdleConnections();
  }

  private take(request: IncomingMessage, response: ServerResponse, handle: RequestListener): void {
    const connection = this.open.get(request.socket);
    // After an answer with `Connection: close` nothing more is served (RFC 9112 section 9.6).
    if (!connection || isLast(connection.current)) return;
    this.queue(request.socket, connection, () => {
      connection.current = { request, response, lasts: response.shouldKeepAlive };
      this.settle(connection);
      // It comes once. `once` would wrap the listener and take it off, in every request.
      response.on('close', () => {
        connection.current = undefined;
        if (connection.waiting.length === 0) connection.isBusy = false;
        // Others have their turn first.
        else
          setImmediate(() => {
            this.proceed(request.socket, connection);
          });
      });
      if (this.phase === 'serving') handle(request, response);
      // The next one may be behind it, and this answer would be the last.
      else setImmediate(handle, request, response);
    });
  }

  private queue(socket: Socket, connection: Connection, act: () => void): void {
    if (!connection.isBusy && connection.waiting.length === 0) {
      connection.isBusy = true;
      act();
      return;
    }
    if (connection.waiting.length >= MOST_WAITING) {
      socket.destroy();
      return;
    }
    connection.waiting.push(act);
    socket.pause();
    this.settle(connection);
  }

  private proceed(socket: Socket, connection: Connection): void {
    if (socket.destroyed) return;
    const next = connection.waiting.shift();
    connection.isBusy = next !== undefined;
    if (connection.waiting.length === 0) socket.resume();
    next?.();
  }

  /** Whether the answer that is being made is the last one, which its head says. */
  private settle({ current, waiting }: Connection): void {
    if (!current || current.response.headersSent) return;
    current.response.shouldKeepAlive = current.lasts && (this.phase === 'serving' || waiting.length > 0);
  }

  /** Answers what the parser could not read, after what it could. */
  private refuse(error: Error | ApiError, socket: Socket): void {
    const connection = this.open.get(socket);
    if (!connection || !socket.writable || (error as NodeJS.ErrnoException).code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const { current } = connection;
    if (current && !current.request.complete) {
      // The rest of this request is what could not be read.
      if (current.response.headersSent) socket.destroy();
      else writeRefusal(socket, error, this.bareHeaders, current.request.url);
      return;
    }
    this.queue(socket, connection, () => {
      writeRefusal(socket, error, this.bareHeaders);
    });
  }
}

const isLast = (exchange: Exchange | undefined) =>
  exchange !== undefined &&
  exchange.response.headersSent &&
  (!exchange.response.shouldKeepAlive || exchange.response.getHeader('connection') === 'close');

/**
 * Closes a listener. The kernel resets the connections that wait to be accepted then. So it is closed when none waits, in a
 * turn of the event loop that was short, as others may come in it; how short, is given up little by little.
 */
export async function stopAccepting(server: NetServer): Promise<void> {
  let accepted = 0;
  const count = () => (accepted += 1);
  server.on('connection', count);
  const begun = performance.now();
  for (let isQuiet = false; !isQuiet && performance.now() - begun < ACCEPT_LIMIT;) {
    const [start, before] = [performance.now(), accepted];
    // In each turn Node accepts one.
    await new Promise((resolve) => setImmediate(resolve));
    const allowed = QUIET * 2 ** ((start - begun) / PATIENCE);
    isQuiet = accepted === before && performance.now() - start < allowed;
  }
  server.off('connection', count);
  // That of HTTP servers would end idle connections too, at once.
  NetServer.prototype.close.call(server);
}

/** Settles when the event loop has taken everything that had arrived. */
async function nextTurn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
}
