import type { ClientPrincipal } from '../access/principal.js';

/** A visitor, as a client describes them. */
export interface Visitor {
  ip: string;
  url: string;
  userAgent: string;
  email: string | null;
}

/** An account as identifications show it. */
export interface FoundAccount {
  id: string;
  legacyId: string | null;
  name: string | null;
  publisherReference: string | null;
  individual: boolean;
  email: string | null;
  /** With microseconds, as PostgreSQL writes times into JSON. */
  createdAt: string;
  updatedAt: string;
}

export interface IdentificationRecord extends Visitor {
  id: string;
  createdAt: Date;
  account: FoundAccount | null;
  institution: FoundAccount | null;
}

/** A visitor, and the client that asks who that is. */
export interface AskedFor {
  visitor: Visitor;
  client: ClientPrincipal;
}

/** A sign-in on the WAYF page. */
export interface WayfSignIn {
  /** The identification that the page was opened with. */
  identificationId: string;
  accountId: string;
  /** The account's epoch when the password was checked. */
  credentialEpoch: number;
  email: string;
  /** The institution that the visitor chose; null: none. */
  institutionId: string | null;
  /** null: unknown; that of the first identification is used. */
  ip: string | null;
  userAgent: string;
  /** The URL to return to, as `ReturnedUrl` has it. */
  returnTo: string;
}

/** What is found by the URL that the WAYF page returned to. */
export interface Return {
  accountId: string;
  /** false: the same visitor has returned by it before. */
  isFirst: boolean;
}
