import { AsyncLocalStorage } from 'node:async_hooks';
import pg from 'pg';
import { RepeatedWork } from '../../src/database/repeated-work.js';

export interface Statement {
  text: string;
  values: unknown[];
}

const repeatedWork = RepeatedWork.prototype as unknown as { workAndGoOn: (this: RepeatedWork) => Promise<void> };

/** Every statement that this process sends to PostgreSQL from now on, in the order of sending, but for {@link RepeatedWork}. */
export class Statements {
  private readonly all: Statement[] = [];
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its object below
  private readonly original = pg.Client.prototype.query;
  private readonly repeat = repeatedWork.workAndGoOn;

  constructor() {
    const { all, original, repeat } = this;
    /** Whether it is what servers do every few minutes: whichever moment that falls into, it belongs to no request. */
    const isRepeated = new AsyncLocalStorage<true>();
    repeatedWork.workAndGoOn = function (this: RepeatedWork) {
      return isRepeated.run(true, () => repeat.call(this));
    };
    pg.Client.prototype.query = function (this: pg.Client, ...args: unknown[]): unknown {
      const [query, values] = args as [string | Statement, unknown];
      const text = typeof query === 'string' ? query : query.text;
      const given = typeof query === 'string' ? values : query.values;
      if (!isRepeated.getStore()) all.push({ text, values: Array.isArray(given) ? given : [] });
      return Reflect.apply(original, this, args);
    } as typeof original;
  }

  /** @returns what was sent meanwhile, without what servers do by themselves and without the frames of transactions */
  async during(act: () => Promise<unknown>): Promise<Statement[]> {
    return (await this.allDuring(act)).filter(({ text, values }) => !isBackground(text, values));
  }

  /** @returns what was sent and waited for meanwhile, frames of transactions too: a prepared statement is one, also the first time */
  async roundTripsDuring(act: () => Promise<unknown>): Promise<string[]> {
    const sent = await this.allDuring(act);
    return sent.filter(({ text, values }) => !isOfServers(text, values)).map(({ text }) => text.trim());
  }

  /** @returns all that was sent meanwhile */
  async allDuring(act: () => Promise<unknown>): Promise<Statement[]> {
    const begun = this.all.length;
    await act();
    return this.all.slice(begun);
  }

  stop(): void {
    pg.Client.prototype.query = this.original;
    repeatedWork.workAndGoOn = this.repeat;
  }
}

function isBackground(text: string, values: unknown[]): boolean {
  return /^(START TRANSACTION|BEGIN|COMMIT|ROLLBACK)/.test(text) || isOfServers(text, values);
}

function isOfServers(text: string, values: unknown[]): boolean {
  return (
    String(values[1]).startsWith('heartbeat ') ||
    // Whether the connection that listens is alive.
    text === 'SELECT 1' ||
    // What each new connection begins with.
    text.startsWith('SET tcp_') ||
    // When tokens were last used, and mail that waits.
    /last_used_at = greatest|outgoing_mails|LISTEN/.test(text)
  );
}
