import type pg from 'pg';
import type { DatabaseConnection } from '../config/database-url.js';
import { DatabaseClient, sessionSettings } from './clients.js';

/** How many rows are in memory at once. */
const BATCH = 250;
const CONNECT_LIMIT = 15_000;

/** As it is at one moment, for as long as it takes to read it: whoever reads may be slow. */
const BEGIN = `
  START TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;
  SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL TimeZone = 'UTC'`;

/** What the database has at one moment, read on a connection of its own. */
export class Snapshot {
  private cursors = 0;

  private constructor(
    private readonly client: pg.Client,
    private readonly signal: AbortSignal,
  ) {}

  /** @param connection to PostgreSQL itself: a transaction needs a session @param signal ends it */
  static async read<T>(
    connection: DatabaseConnection,
    signal: AbortSignal,
    work: (snapshot: Snapshot) => Promise<T>,
  ): Promise<T> {
    const client = new DatabaseClient({
      ...connection,
      application_name: 'latchkey export',
      connectionTimeoutMillis: CONNECT_LIMIT,
    });
    const stop = () => void client.end().catch(() => undefined);
    try {
      await client.connect();
      signal.addEventListener('abort', stop);
      signal.throwIfAborted();
      await client.query(`${sessionSettings()}; ${BEGIN}`);
      return await work(new Snapshot(client, signal));
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener('abort', stop);
      await client.end().catch(() => undefined);
    }
  }

  /** @returns the rows that a statement selects, some at a time */
  async *rows<Row extends pg.QueryResultRow>(statement: string, values: unknown[] = []): AsyncGenerator<Row[]> {
    this.cursors += 1;
    const cursor = `export_${this.cursors}`;
    await this.client.query(`DECLARE ${cursor} NO SCROLL CURSOR FOR ${statement}`, values);
    for (;;) {
      this.signal.throwIfAborted();
      const { rows } = await this.client.query<Row>(`FETCH ${BATCH} FROM ${cursor}`);
      if (rows.length > 0) yield rows;
      if (rows.length < BATCH) break;
    }
    await this.client.query(`CLOSE ${cursor}`);
  }
}
