import { ADMIN, claimsOf, signIn } from '../support/fixtures.js';

/** The peer reads the JWT without checking its signature, and looks the session up. */
export const sessionJwt = {
  name: '`GET /accounts/{id}`, session JWT',
  goals: { 20: 0.5, 24: 0.5 },
  peers: ['hand-written'],
  async prepare({ client }, servers) {
    const { token } = await signIn(
      servers.find(({ kind }) => kind === 'latchkey'),
      ADMIN,
    );
    const { sid, data } = claimsOf(token);
    await client.query(`INSERT INTO peer.accounts VALUES ($1, $2, 'admin') ON CONFLICT DO NOTHING`, [
      data.id,
      ADMIN.email,
    ]);
    await client.query(
      `INSERT INTO peer.sessions (id, account_id, expires_at) VALUES ($1, $2, now() + interval '1 day')`,
      [sid, data.id],
    );
    const request = { method: 'GET', path: `/accounts/${data.id}`, headers: { authorization: `Bearer ${token}` } };
    const unknown = Buffer.from('{"alg":"RS512"}').toString('base64url');
    const claims = Buffer.from('{"sid":"00000000-0000-4000-8000-000000000000"}').toString('base64url');
    return {
      status: 200,
      contains: ADMIN.email,
      example: () => request,
      bad: () => ({ ...request, headers: { authorization: `Bearer ${unknown}.${claims}.${unknown}` } }),
      isRight: (answer) => JSON.stringify(answer).includes(data.id),
      requests: () => [request],
    };
  },
};
