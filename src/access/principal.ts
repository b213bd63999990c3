/** An account that is signed in: what the JWT of a live session proves. */
export interface SessionPrincipal {
  accountId: string;
  email: string;
  /** What the account was called where it was imported from. */
  legacyId: string | null;
  sessionId: string;
  /** The account's epoch when the session was checked; see docs/architecture.md. */
  credentialEpoch: number;
}

/** An application: what an App-Token proves. */
export interface AppPrincipal {
  tokenId: string;
  accountId: string;
  /** The address of its user, in one form, if it has passed that on. */
  clientAddress: string | null;
}

/** A user at an application: what an App-Token and a Token prove together. */
export interface UserPrincipal {
  appTokenId: string;
  userTokenId: string;
  accountId: string;
  isAdmin: boolean;
  credentialEpoch: number;
  /** The account that acts on this one's behalf, and its epoch; null: nobody does. */
  actorId: string | null;
  actorEpoch: number | null;
  /** What is made with it does not outlast these tokens: it, and those that it was made with. Null: nobody acts for somebody. */
  lineage: string[] | null;
  /** The address of the user, in one form, if the application has passed that on and may. */
  clientAddress: string | null;
}

/** Whoever runs the program `latchkey`. They have the database and its keys, so there is no credential to check. */
export interface OperatorPrincipal {
  isOperator: true;
  isAdmin: true;
  accountId: null;
  actorId: null;
  lineage: null;
}

export const OPERATOR: OperatorPrincipal = {
  isOperator: true,
  isAdmin: true,
  accountId: null,
  actorId: null,
  lineage: null,
};

/** Who may do what admins do, if `isAdmin`: a user, or the command line. */
export type AdminPrincipal = UserPrincipal | OperatorPrincipal;

/** An account of the gateway: what an `api` token proves. */
export interface GatewayPrincipal {
  gatewayAccountId: string;
  /** The id of the token. */
  tokenLink: string;
  paymentType: string;
  serviceExternalId: string | null;
  serviceMode: string | null;
}

/** An OAuth2 client: what its access token, or its id and secret, prove. */
export interface ClientPrincipal {
  clientId: string;
  scopes: readonly string[];
  /** The credential that it presented: an access token, or one of its secrets. */
  tokenId?: string;
  secretId?: string;
}

/** A client that presented one of its secrets. */
export interface AuthenticatedClient extends ClientPrincipal {
  secretId: string;
}

/** Who makes a request, as its credential proves. */
export type Principal = SessionPrincipal | AppPrincipal | UserPrincipal | GatewayPrincipal | ClientPrincipal;
