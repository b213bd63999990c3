import { BASIC } from '../support/fixtures.js';
import { form } from '../support/http.js';

const grant = (authorization) => form('/oauth/token', { grant_type: 'client_credentials' }, { authorization });

/** Issued and stored; by Latchkey with an audit event, which no peer has. */
export const token = {
  name: '`POST /oauth/token`, issued and stored',
  goals: { 20: 0.15, 24: 0.15 },
  peers: ['hand-written', 'oidc-provider in memory', 'oidc-provider on PostgreSQL', 'oauth2-server'],
  prepare: () => ({
    status: 200,
    contains: '"access_token":"',
    example: () => grant(BASIC),
    bad: () => grant(`Basic ${Buffer.from('bench:wrong').toString('base64')}`),
    isRight: (answer) => answer.token_type.toLowerCase() === 'bearer' && answer.access_token.length > 20,
    requests: () => [grant(BASIC)],
  }),
};
