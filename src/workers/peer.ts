import type { Socket } from 'node:net';

/** By subject: what is said of it, and what is answered. */
export type Subjects<S> = { [K in keyof S]: { says: unknown; hears: unknown } };

/** The end of a channel: a `ChildProcess`, or the `process` that was forked. */
export interface Channel {
  send?(message: unknown, socket: Socket | undefined, options: object, done: (error: Error | null) => void): unknown;
  on(event: 'message', listener: (message: unknown, socket: unknown) => void): unknown;
  on(event: 'disconnect', listener: () => void): unknown;
}

interface Question {
  /** By which the answer names it; undefined: none is waited for. */
  number: number | undefined;
  subject: string;
  says: unknown;
}

type Message = Question | { answers: number; hears?: unknown; error?: unknown };

interface Asked {
  resolve: (hears: unknown) => void;
  reject: (error: unknown) => void;
}

/** The other process has ended. */
export class PeerGone extends Error {
  constructor() {
    super('The other process has ended.');
  }
}

/**
 * The other end of the channel between two processes of one server, which ask each other and answer.
 *
 * @typeParam Asks what this process asks
 * @typeParam Answers what it is asked
 */
export class Peer<Asks extends Subjects<Asks>, Answers extends Subjects<Answers>> {
  private readonly answering = new Map<string, (says: never, socket?: Socket) => unknown>();
  private readonly asked = new Map<number, Asked>();
  private count = 0;
  private isGone = false;

  constructor(private readonly channel: Channel) {
    channel.on('message', (message, socket) => {
      this.receive(message as Message, socket as Socket | undefined);
    });
    channel.on('disconnect', () => {
      this.end();
    });
  }

  /** Whatever has been asked is not answered any more: the other process has ended. */
  end(): void {
    this.isGone = true;
    for (const { reject } of this.asked.values()) reject(new PeerGone());
    this.asked.clear();
  }

  /** Says what is done when the other process asks. What is thrown is what that one gets. */
  answer<K extends keyof Answers & string>(
    subject: K,
    answer: (says: Answers[K]['says'], socket?: Socket) => Answers[K]['hears'] | Promise<Answers[K]['hears']>,
  ): void {
    this.answering.set(subject, answer);
  }

  /**
   * Asks the other process.
   *
   * @param socket that one gets a copy of it; this one is to be closed by whoever asks
   * @throws what is thrown there, and when it has ended
   */
  ask<K extends keyof Asks & string>(subject: K, says: Asks[K]['says'], socket?: Socket): Promise<Asks[K]['hears']> {
    this.count += 1;
    const number = this.count;
    return new Promise((resolve, reject) => {
      this.asked.set(number, { resolve, reject });
      this.send({ number, subject, says }, socket, (error) => {
        if (!error) return;
        this.asked.delete(number);
        reject(error);
      });
    });
  }

  /** Asks without waiting for an answer: whoever has ended hears nothing. */
  tell<K extends keyof Asks & string>(subject: K, says: Asks[K]['says']): void {
    this.send({ number: undefined, subject, says }, undefined, () => undefined);
  }

  private send(message: Message, socket: Socket | undefined, done: (error: Error | null) => void): void {
    if (this.isGone) done(new PeerGone());
    else this.channel.send?.(message, socket, { keepOpen: true }, done);
  }

  private receive(message: Message, socket: Socket | undefined): void {
    if (!('answers' in message)) {
      void this.reply(message, socket);
      return;
    }
    const asked = this.asked.get(message.answers);
    this.asked.delete(message.answers);
    if ('error' in message) asked?.reject(message.error);
    else asked?.resolve(message.hears);
  }

  private async reply({ number, subject, says }: Question, socket?: Socket): Promise<void> {
    const respond = (answer: { hears: unknown } | { error: unknown }) => {
      if (number !== undefined) this.send({ answers: number, ...answer }, undefined, () => undefined);
    };
    try {
      const answer = this.answering.get(subject);
      if (!answer) throw new Error(`Nobody here answers ${subject}.`);
      respond({ hears: await answer(says as never, socket) });
    } catch (error) {
      respond({ error });
    }
  }
}
