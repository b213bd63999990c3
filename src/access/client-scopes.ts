/** Every scope that a client can have (RFC 6749 section 3.3), with its description in OpenAPI. */
export const CLIENT_SCOPES = {
  'accounts:read': 'Read accounts',
  'accounts:write': 'Create, update and delete organisations',
  identifications: 'Identify the account that a visitor belongs to',
  'tokens:introspect': 'Introspect tokens',
} as const;

export type ClientScope = keyof typeof CLIENT_SCOPES;

export const CLIENT_SCOPE_NAMES = Object.keys(CLIENT_SCOPES) as ClientScope[];
