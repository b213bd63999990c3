import { digestOf } from '../../dist/src/tokens/digest.js';
import { accessTokens } from '../support/fixtures.js';
import { json } from '../support/http.js';

export const NETWORKS = Number(process.env.NETWORKS ?? 200_000);
export const visitFrom = (ip, token) =>
  json(
    'POST',
    '/api/identifications',
    { ip, url: 'https://publisher.example/read', user_agent: 'bench' },
    { authorization: `Bearer ${token}` },
  );

export const identifications = {
  name: '`POST /api/identifications`, by network',
  goals: { 20: 0.12, 24: 0.12 },
  peers: ['hand-written'],
  async prepare({ client, addresses }, servers) {
    const latchkey = servers.find(({ kind }) => kind === 'latchkey');
    const [token] = await accessTokens(latchkey, 1);
    await client.query(
      `INSERT INTO peer.access_tokens (digest, client_id, scope, expires_at) VALUES ($1, 'bench', '', now() + interval '1 day')`,
      [digestOf(token)],
    );
    const requests = addresses.map((ip) => visitFrom(ip, token));
    return {
      status: 201,
      contains: '"account":{',
      example: () => requests[0],
      bad: () => visitFrom(addresses[0], 'unknown'),
      isRight: (answer) => /^organisation \d+$/.test(answer.account.account_name ?? answer.account.name),
      requests: () => requests,
    };
  },
};
