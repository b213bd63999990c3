/** What a cached credential depends on: when it changes, the credential has to be looked up again. */
export type RevocationTag =
  /** The keys that sign session JWTs. */
  | 'signing keys'
  /** Whether tokens are stored that another service has made. */
  | 'foreign tokens'
  | `account ${string}`
  | `session ${string}`
  | `token ${string}`
  | `gateway ${string}`
  | `client ${string}`;

/** Notified of every revocation that this process receives. */
export interface RevocationListener {
  revoked(tag: RevocationTag): void;
  /** Revocations may have been missed. */
  disconnected(): void;
}

/** The channel of PostgreSQL on which they are announced. */
export const CHANNEL = 'latchkey_revocations';
