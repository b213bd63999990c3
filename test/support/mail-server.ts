import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { SMTPServer, type SMTPServerOptions, type SMTPServerSession } from 'smtp-server';
import { selfSignedCertificate } from './self-signed.js';

/** What it does with the next mail: takes it (at once, or after so many milliseconds), or fails in some way. */
export type Behaviour = 'take' | { takeAfter: number } | 'refuse for now' | 'refuse for good' | 'cut the connection';

/** `none`: no TLS at all, and credentials are taken in the clear. */
export type Security = 'none' | 'starttls' | 'implicit';

export interface ReceivedMail {
  /** The whole message, with CRLF line ends. */
  raw: string;
  from: string | undefined;
  to: string[];
  /** Whether it came over TLS. */
  secure: boolean;
}

/** A reply to a command: always, or to what goes to one recipient only. */
export interface Reply {
  to: 'MAIL' | 'RCPT' | 'DATA';
  code: number;
  text: string;
}

interface MailServerOptions {
  security?: Security;
  /** The one that it takes, for any user. */
  password?: string;
}

const SECURITY: Record<Security, SMTPServerOptions> = {
  none: { disabledCommands: ['STARTTLS'], allowInsecureAuth: true },
  starttls: {},
  implicit: { secure: true },
};

/** A real mail server on loopback, whose mood can be changed. */
export class MailServer {
  readonly mails: ReceivedMail[] = [];
  readonly logins: { user: string | undefined; secure: boolean }[] = [];
  behaviour: Behaviour = 'take';
  /** How many mails it was taking in at once, at the most. */
  mostAtOnce = 0;
  /** What it answers, in place of taking mails. */
  reply: Reply | undefined;
  /** It says nothing more to whoever names a recipient of these domains. */
  readonly silentAbout = new Set<string>();
  /** The recipients of whom it was told, and said nothing. */
  readonly unanswered: string[] = [];
  private readonly held = new Set<SMTPServerSession>();
  /** How many connections it has been silent on at once, at the most. */
  mostHeld = 0;
  private atOnce = 0;
  private port = 0;
  private server: SMTPServer | undefined;

  /** Starts, or starts again at the same address. */
  async start({ security = 'none', password }: MailServerOptions = {}): Promise<this> {
    await this.stop();
    const server = new SMTPServer({
      ...SECURITY[security],
      ...selfSignedCertificate('localhost'),
      authOptional: true,
      disableReverseLookup: true,
      closeTimeout: 50,
      onAuth: (login, session, done) => {
        this.logins.push({ user: login.username, secure: session.secure });
        if (password === login.password) done(null, { user: login.username });
        else done(refusal(535, `5.7.8 ${String(login.password)} is wrong`));
      },
      onMailFrom: (_address, _session, done) => {
        done(this.refusalAt('MAIL'));
      },
      onRcptTo: ({ address }, session, done) => {
        if (!this.silentAbout.has(address.replace(/^.*@/, ''))) {
          done(this.refusalAt('RCPT'));
          return;
        }
        this.unanswered.push(address);
        this.held.add(session);
        this.mostHeld = Math.max(this.mostHeld, this.held.size);
      },
      onClose: (session) => {
        for (const held of this.held) if (held.id === session.id) this.held.delete(held);
      },
      onData: (stream, session, done) => {
        this.mostAtOnce = Math.max(this.mostAtOnce, ++this.atOnce);
        void this.receive(stream, session).then(done, done);
      },
    });
    server.on('error', () => undefined);
    this.server = server;
    server.listen(this.port, '127.0.0.1');
    await once(server.server, 'listening');
    this.port = (server.server.address() as AddressInfo).port;
    return this;
  }

  async stop(): Promise<void> {
    const server = this.server;
    this.server = undefined;
    if (!server) return;
    await new Promise<void>((resolve) => {
      server.close(resolve);
    });
  }

  /**
   * Its SMTP_URL.
   *
   * @param login `user:password`
   * @param query with its question mark
   */
  url({ scheme = 'smtp', login = '', query = '' } = {}): string {
    return `${scheme}://${login === '' ? '' : `${login}@`}127.0.0.1:${this.port}${query}`;
  }

  private async receive(stream: AsyncIterable<Buffer>, session: SMTPServerSession): Promise<Error | null> {
    const { mailFrom, rcptTo } = session.envelope;
    const envelope = { from: mailFrom ? mailFrom.address : undefined, to: rcptTo.map((to) => to.address) };
    if (this.behaviour === 'cut the connection') this.cutConnections();
    try {
      let raw = '';
      for await (const chunk of stream) raw += chunk.toString();
      const refused = this.refusalAt('DATA');
      if (refused) return refused;
      // The text of a refusal repeats the mail, as some servers do.
      if (this.behaviour === 'refuse for now') return refusal(451, `4.2.0 ${raw}`);
      if (this.behaviour === 'refuse for good') return refusal(550, raw);
      this.mails.push({ raw, ...envelope, secure: session.secure });
      if (typeof this.behaviour === 'object') await wait(this.behaviour.takeAfter);
      return null;
    } finally {
      this.atOnce--;
    }
  }

  /** On how many connections it is silent now. */
  get heldNow(): number {
    return this.held.size;
  }

  private refusalAt(command: Reply['to']): Error | null {
    return this.reply?.to === command ? refusal(this.reply.code, this.reply.text) : null;
  }

  private cutConnections(): void {
    const connections = this.server?.connections as unknown as Set<{ _socket: Socket }> | undefined;
    for (const { _socket: socket } of connections ?? []) socket.destroy();
  }
}

function refusal(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode });
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
