import { digestOf } from '../../dist/src/tokens/digest.js';
import { ADMIN, APP_TOKEN } from '../support/fixtures.js';
import { json, must } from '../support/http.js';

export const appToken = {
  name: '`GET /api/v1/tokens/{id}`: App-Token and Token, one record',
  goals: { 20: 0.45, 24: 0.45 },
  peers: ['hand-written'],
  async prepare({ client }, servers) {
    const latchkey = servers.find(({ kind }) => kind === 'latchkey');
    const login = { username: ADMIN.email, password: ADMIN.password };
    const { token } = await must(latchkey, json('POST', '/api/v1/token/', login, { 'app-token': APP_TOKEN }));
    const headers = { 'app-token': APP_TOKEN, token };
    const { tokens } = await must(latchkey, { method: 'GET', path: '/api/v1/tokens/', headers });
    const id = tokens.at(-1).id;
    await client.query(
      `INSERT INTO peer.user_tokens (digest, id, owner, expires_at)
       SELECT digest, $2::uuid, 'owner', now() + interval '1 day' FROM unnest($1::bytea[]) AS t (digest)
       ON CONFLICT DO NOTHING`,
      [[digestOf(APP_TOKEN), digestOf(token)], id],
    );
    const request = { method: 'GET', path: `/api/v1/tokens/${id}`, headers };
    return {
      status: 200,
      contains: 'created_at',
      example: () => request,
      bad: () => ({ ...request, headers: { ...headers, token: 'f'.repeat(32) } }),
      isRight: (answer) => (answer.id ?? answer.token?.id) === id,
      requests: () => [request],
    };
  },
};
