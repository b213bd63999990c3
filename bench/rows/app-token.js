import { randomUUID } from 'node:crypto';
import { digestOf } from '../../dist/src/tokens/digest.js';
import { ADMIN, APP_TOKEN, signIn } from '../support/fixtures.js';
import { json, must } from '../support/http.js';

/** @returns the email and the password of a new account, which is no admin's */
async function signUp(latchkey) {
  const account = { email: `${randomUUID()}@example.org`, password: 'another example of a password' };
  const { token } = await signIn(latchkey, ADMIN);
  const body = { account: { ...account, name: 'Someone' } };
  await must(latchkey, json('POST', '/accounts', body, { authorization: `Bearer ${token}` }));
  return account;
}

/** @returns the request of an account for the record of a token that it has just got, and the id of that */
async function ownRecord(latchkey, { client }, { email, password }) {
  const login = { username: email, password };
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
  return { id, request: { method: 'GET', path: `/api/v1/tokens/${id}`, headers } };
}

/** For a user, and for an admin, whose look is in the audit log before it is shown; the peer has none. */
export const appToken = {
  name: '`GET /api/v1/tokens/{id}`: App-Token and Token, one record',
  goals: { 20: 0.45, 24: 0.45 },
  peers: ['hand-written'],
  subjects: ['latchkey', 'latchkey, for an admin'],
  async prepare(database, servers) {
    const latchkey = servers.find(({ kind }) => kind === 'latchkey');
    const records = {
      admin: await ownRecord(latchkey, database, ADMIN),
      user: await ownRecord(latchkey, database, await signUp(latchkey)),
    };
    const recordFor = (server) => (server?.name?.endsWith('admin') ? records.admin : records.user);
    return {
      status: 200,
      contains: 'created_at',
      example: (server) => recordFor(server).request,
      bad: (server) => {
        const { request } = recordFor(server);
        return { ...request, headers: { ...request.headers, token: 'f'.repeat(32) } };
      },
      isRight: (answer, server) => (answer.id ?? answer.token?.id) === recordFor(server).id,
      requests: (server) => [recordFor(server).request],
    };
  },
};
