/** What the publicauth document's consumers tell API tokens apart by. */
export const TOKEN_SOURCES = ['API', 'PRODUCTS'] as const;
export const PAYMENT_TYPES = ['CARD', 'DIRECT_DEBIT'] as const;
export const SERVICE_MODES = ['LIVE', 'TEST'] as const;

export type TokenSource = (typeof TOKEN_SOURCES)[number];
export type PaymentType = (typeof PAYMENT_TYPES)[number];
export type ServiceMode = (typeof SERVICE_MODES)[number];

/** Whose API tokens are meant: those of a gateway account, or of a service in one of its modes. */
export type TokenHolder = { gatewayAccountId: string } | { serviceExternalId: string; serviceMode: ServiceMode };

/** `active`: neither revoked nor expired. */
export type TokenState = 'active' | 'expired' | 'revoked';

/** Which of the API tokens of a holder are listed. */
export interface TokenFilter {
  state: TokenState;
  source: TokenSource;
  /** Only those that expire before this time. */
  expiresBefore?: Date;
}
