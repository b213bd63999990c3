import { Inject, Injectable } from '@nestjs/common';
import type pg from 'pg';
import { DataSource } from 'typeorm';
import { requireTime } from './deadline.js';
import { DATABASE_ACCESS, type DatabaseAccess } from './connection.js';
import { poolOf } from './pool-of.js';

/** A statement that is parsed and planned once for each connection, for the paths that every request takes. */
export interface PreparedStatement {
  name: string;
  text: string;
}

/** Runs prepared statements on the pool of requests. */
@Injectable()
export class Statements {
  /** Part of the names of statements: what was prepared before a column changed is not asked again. */
  private generation = 0;

  constructor(
    private readonly dataSource: DataSource,
    @Inject(DATABASE_ACCESS) private readonly access: DatabaseAccess,
  ) {}

  /** @returns the rows */
  async run<Row extends pg.QueryResultRow>(statement: PreparedStatement, values: unknown[]): Promise<Row[]> {
    const { generation } = this;
    try {
      return await this.ask<Row>(statement, values);
    } catch (error) {
      if (!isStale(error)) throw error;
      if (generation === this.generation) this.generation += 1;
      return this.ask<Row>(statement, values);
    }
  }

  private async ask<Row extends pg.QueryResultRow>(statement: PreparedStatement, values: unknown[]): Promise<Row[]> {
    const { text } = statement;
    const name = this.access.keepsStatements ? `${statement.name} ${this.generation}` : undefined;
    // Not `pool.query`: it would ask in the context of whichever request has given the connection back.
    requireTime();
    const client = await poolOf(this.dataSource).connect();
    try {
      return (await client.query<Row>({ text, values, ...(name !== undefined && { name }) })).rows;
    } finally {
      // A client that is of no use any more has ended itself.
      client.release();
    }
  }
}

/** A plan whose columns have changed their types since, or that is no longer there. */
function isStale(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return code === '26000' || (code === '0A000' && message === 'cached plan must not change result type');
}
