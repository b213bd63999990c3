import { expect } from '@jest/globals';
import type { TestDatabase } from './database.js';
import { claimsOf, signUp, type Answer, type TestServer } from './server.js';

/** From where and by what a refresh token is shown. The server has to believe one proxy. */
export interface Place {
  address: string;
  userAgent: string;
}

export const HOME: Place = { address: '192.0.2.10', userAgent: 'A laptop' };
export const AWAY: Place = { address: '198.51.100.20', userAgent: 'A laptop' };
export const DEN: Place = { address: '203.0.113.30', userAgent: 'A thief' };

export interface Row {
  refresh_counter: number;
  refreshed_at: Date | null;
  refresh_expires_at: Date | null;
  expires_at: Date;
  revoked_at: Date | null;
  address: string | null;
  late_showings: number | null;
}

/** Shows a refresh token. */
export function show(
  server: TestServer,
  refresh_token: string,
  { from = HOME, remember = true }: { from?: Place; remember?: boolean } = {},
): Promise<Answer> {
  const headers = { 'x-forwarded-for': from.address, 'user-agent': from.userAgent };
  const account = { refresh_token, ...(remember && { remember_me: true }) };
  return server.call('PUT', '/account/session', { account }, headers);
}

/** @returns what a good answer brings */
export function given({ status, body }: Answer): { token: string; next: string } {
  expect({ status, body }).toMatchObject({ status: 200 });
  const { token, refresh_token } = body as { token: string; refresh_token: string };
  return { token, next: refresh_token };
}

/** One session, and what the database has of it. */
export class Session {
  private constructor(
    private readonly database: TestDatabase,
    readonly accountId: string,
    readonly email: string,
    readonly id: string,
    readonly jwt: string,
    /** Its first refresh token. */
    readonly first: string,
  ) {}

  static async open(server: TestServer, database: TestDatabase): Promise<Session> {
    const { id, email, token, refreshToken } = await signUp(server, { remember: true });
    return new Session(database, id, email, claimsOf(token).sid, token, refreshToken);
  }

  async row(): Promise<Row> {
    const [row] = await this.database.query<Row & Record<string, unknown>>('SELECT * FROM sessions WHERE id = $1', [
      this.id,
    ]);
    if (!row) throw new Error('The session is gone.');
    return row;
  }

  async hasEnded(): Promise<boolean> {
    return (await this.row()).revoked_at !== null;
  }

  /** Lets time pass: moves all its dates into the past. */
  async age(seconds: number): Promise<void> {
    await this.database.query(
      `UPDATE sessions SET created_at = created_at - $2 * interval '1 second',
         expires_at = expires_at - $2 * interval '1 second', refreshed_at = refreshed_at - $2 * interval '1 second',
         refresh_expires_at = refresh_expires_at - $2 * interval '1 second' WHERE id = $1`,
      [this.id, seconds],
    );
  }

  /** @returns what the audit log has of its refresh tokens, oldest first */
  events(): Promise<{ kind: string; outcome: string; address: string | null; details: Record<string, unknown> }[]> {
    return this.database.query(
      `SELECT kind, outcome, address, details FROM audit_events
       WHERE kind IN ('session.refreshed_late', 'session.reused') AND details->>'session' = $1 ORDER BY at`,
      [this.id],
    );
  }
}
