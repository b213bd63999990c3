import { accessTokens, BASIC } from '../support/fixtures.js';
import { form } from '../support/http.js';

/** As many as oidc-provider keeps in memory by its own means, and some room. */
const HOT = 500;

const introspectionOf = (token) => form('/oauth/introspect', { token }, { authorization: BASIC });

export const introspection = {
  name: '`POST /oauth/introspect`, client by Basic, 500 hot tokens',
  goals: { 20: 0.45, 24: 0.45 },
  peers: ['hand-written', 'oidc-provider in memory', 'oidc-provider on PostgreSQL'],
  async prepare(_database, servers) {
    const requests = new Map();
    for (const server of servers) requests.set(server, (await accessTokens(server, HOT)).map(introspectionOf));
    const wrong = `Basic ${Buffer.from('bench:wrong').toString('base64')}`;
    return {
      status: 200,
      contains: '"active":true',
      example: (server) => requests.get(server)[0],
      bad: () => form('/oauth/introspect', { token: 'unknown' }, { authorization: wrong }),
      isRight: (answer) => answer.active === true && answer.client_id === 'bench',
      requests: (server) => requests.get(server),
    };
  },
};
