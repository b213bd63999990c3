/** Every scope that a client can have (RFC 6749 section 3.3), and what it allows. */
export const CLIENT_SCOPES = {
  'accounts:read': 'see accounts',
  'accounts:write': 'create, change and delete organisations',
  identifications: 'find out which account a visitor belongs to',
  'tokens:introspect': 'ask what a token is',
} as const;

export type ClientScope = keyof typeof CLIENT_SCOPES;

export const CLIENT_SCOPE_NAMES = Object.keys(CLIENT_SCOPES) as ClientScope[];
