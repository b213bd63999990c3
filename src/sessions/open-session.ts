/** What tokens are made from. Times are seconds since 1970, by the database's clock. */
export interface OpenSession {
  id: string;
  accountId: string;
  email: string;
  issuedAt: number;
  accessExpiresAt: number;
  refreshCounter: number;
  refreshable: boolean;
}

/** SESSION_TTL, SESSION_MAX_AGE and REFRESH_TTL, which every statement that makes a session last has as `$2` to `$4`. */
export const TTL = `$2 * interval '1 second'`;
export const MAX_AGE = `$3 * interval '1 second'`;
export const REFRESH_TTL = `$4 * interval '1 second'`;

/** Columns of an {@link OpenSession} from sessions `s` and accounts `a`. A JWT ends at the latest with its session. */
export const OPEN_SESSION = `
  s.id, s.account_id AS "accountId", a.email,
  floor(extract(epoch FROM now()))::float8 AS "issuedAt",
  floor(extract(epoch FROM least(now() + ${TTL}, s.expires_at)))::float8 AS "accessExpiresAt",
  s.refresh_counter AS "refreshCounter", s.refresh_expires_at IS NOT NULL AS refreshable`;
