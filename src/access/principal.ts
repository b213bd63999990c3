/** An account that is signed in: what the JWT of a live session proves. */
export interface SessionPrincipal {
  accountId: string;
  email: string;
  sessionId: string;
  /** The account's epoch when the session was checked; see DESIGN "Credential epoch" in docs/architecture.md. */
  credentialEpoch: number;
}

/** Who a request's credential proves to be. */
export type Principal = SessionPrincipal;
