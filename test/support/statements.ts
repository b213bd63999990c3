import pg from 'pg';

export interface Statement {
  text: string;
  values: unknown[];
}

/** Every statement that this process sends to PostgreSQL from now on, in the order of sending. */
export class Statements {
  private readonly all: Statement[] = [];
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its object below
  private readonly original = pg.Client.prototype.query;

  constructor() {
    const { all, original } = this;
    pg.Client.prototype.query = function (this: pg.Client, ...args: unknown[]): unknown {
      const [query, values] = args as [string | Statement, unknown];
      const text = typeof query === 'string' ? query : query.text;
      const given = typeof query === 'string' ? values : query.values;
      all.push({ text, values: Array.isArray(given) ? given : [] });
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
