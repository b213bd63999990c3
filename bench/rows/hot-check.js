import { storeTokens } from '../support/fixtures.js';

export const HOT = 1_000;
export const checkOf = (secret) => ({
  method: 'GET',
  path: '/v1/api/auth',
  headers: { authorization: `Bearer ${secret}` },
});
export const UNKNOWN = checkOf('api_live_abcdefghijklmnopqrstuvwxyz2345672');
export const isGatewayAccount = (answer) => answer.account_id === 'GATEWAY_ACCOUNT_1';

/** As it comes, with a line of the log for each request, and at LOG_LEVEL=warn. */
export const hotCheck = {
  name: '`GET /v1/api/auth`, 1,000 hot tokens',
  goals: { 20: 0.6, 24: 0.75 },
  peers: ['Nest alone', 'hand-written', 'oauth2-server'],
  subjects: ['latchkey', 'latchkey at warn'],
  async prepare({ client }) {
    const requests = (await storeTokens(client, HOT)).map(checkOf);
    return {
      status: 200,
      contains: 'GATEWAY_ACCOUNT_1',
      example: () => requests[0],
      bad: () => UNKNOWN,
      isRight: isGatewayAccount,
      requests: () => requests,
    };
  },
};
