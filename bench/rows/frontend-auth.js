import { APP_TOKEN } from '../support/fixtures.js';
import { json } from '../support/http.js';

const issue = json(
  'POST',
  '/v1/frontend/auth',
  { account_id: 'GATEWAY_ACCOUNT_1', description: 'bench' },
  { 'app-token': APP_TOKEN },
);

export const frontendAuth = {
  name: '`POST /v1/frontend/auth`, an API token issued',
  goals: { 20: 0.15, 24: 0.15 },
  peers: ['hand-written'],
  prepare: () => ({
    status: 200,
    contains: '"token":"api_',
    example: () => issue,
    // The peer asks for no credentials, so only the form can be wrong.
    refusals: [400, 401],
    bad: (server) =>
      server.kind === 'latchkey'
        ? { ...issue, headers: { ...issue.headers, 'app-token': 'f'.repeat(32) } }
        : { ...issue, body: '{' },
    isRight: (answer) => answer.token.startsWith('api_'),
    requests: () => [issue],
  }),
};
