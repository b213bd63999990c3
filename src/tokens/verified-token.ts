import type { PaymentType, ServiceMode } from './gateway-tokens.js';
import type { TokenKind } from './token-kinds.js';

/** For whom a token is good, and for what: many tokens have the same. */
export interface TokenGrant {
  readonly kind: TokenKind;
  readonly scopes: readonly string[];
  /** Of an App-Token with the scope `client-address`: from where it may be used to pass one on. */
  readonly networks: readonly string[] | null;
  /** The account that owns it or, for a client's token, the client. */
  readonly accountId: string | null;
  readonly email: string | null;
  readonly isAdmin: boolean;
  readonly credentialEpoch: number | null;
  readonly actorId: string | null;
  readonly actorEpoch: number | null;
  readonly actorEmail: string | null;
  readonly gatewayAccountId: string | null;
  readonly paymentType: PaymentType;
  readonly serviceExternalId: string | null;
  readonly serviceMode: ServiceMode | null;
  readonly clientId: string | null;
  /** The resource server that a client's token is for (RFC 8707); null: Latchkey. */
  readonly resource: string | null;
  /** The App-Token that it was got through; null: it is not known. */
  readonly appTokenId: string | null;
  /** The tokens on behalf of others that it was made with; null: nobody acted for somebody else. */
  readonly madeWith: readonly string[] | null;
}

/** A token that was found good. So many are remembered that its size counts: what is not its own is shared. */
export interface VerifiedToken {
  readonly id: string;
  readonly grant: TokenGrant;
  /** In seconds since 1970. */
  readonly issuedAt: number;
  /** When it ends at the latest, in seconds since 1970; null: never. */
  readonly expiresAt: number | null;
}
