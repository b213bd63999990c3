import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { eventually } from './process.js';

/** A connection on which every byte is the test's. */
export class RawSocket {
  /** Everything that has come. */
  received = '';
  /** Whether the server has ended its side, or the connection. */
  isOver = false;

  private constructor(readonly socket: Socket) {
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => (this.received += text));
    for (const event of ['end', 'close']) socket.once(event, () => (this.isOver = true));
    socket.on('error', () => (this.isOver = true));
  }

  /** @param url whose host and port count */
  static async open(url: string): Promise<RawSocket> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    return new RawSocket(socket);
  }

  send(text: string): this {
    this.socket.write(text);
    return this;
  }

  /** @returns the statuses that have come, in their order */
  get statuses(): number[] {
    return [...this.received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
  }

  /** Waits until the server has ended the connection, and returns what it had said. */
  async ended(): Promise<string> {
    await eventually(() => {
      if (!this.isOver) throw new Error(`The connection goes on, after:\n${this.received.slice(-500)}`);
    });
    return this.received;
  }

  hangUp(): void {
    this.socket.destroy();
  }
}

/** @returns the status, the headers and the body of an answer that was sent whole */
export function parseAnswer(text: string): { status: number; headers: Record<string, string>; body: string } {
  const [head = '', body = ''] = text.split('\r\n\r\n', 2);
  const [line = '', ...fields] = head.split('\r\n');
  const headers = fields.map((field): [string, string] => {
    const colon = field.indexOf(':');
    return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
  });
  return { status: Number(line.split(' ')[1]), headers: Object.fromEntries(headers), body };
}
