import type { UserPrincipal } from '../access/principal.js';
import { ApiError } from '../errors/api-error.js';
import type { AtEpoch } from './token.store.js';

/** The accounts behind a user token, each at the epoch that the token was checked at. */
export function epochsOf({ accountId, credentialEpoch, actorId, actorEpoch }: UserPrincipal): AtEpoch[] {
  const actor = actorId === null ? [] : [{ accountId: actorId, credentialEpoch: actorEpoch ?? -1 }];
  return [{ accountId, credentialEpoch }, ...actor];
}

/** For whoever acts with a user token that is revoked while they act. */
export function revokedMeanwhile(): ApiError {
  return new ApiError('unauthorized', 'The token has been revoked.', {
    fields: { token: ['has been revoked'] },
    headers: { 'www-authenticate': 'App-Token, Token' },
  });
}
