import { randomUUID } from 'node:crypto';
import { digestOf } from '../../dist/src/tokens/digest.js';
import { ADMIN, APP_TOKEN, signIn } from '../support/fixtures.js';
import { json, must } from '../support/http.js';

/** @returns the email and the password of a new account without a role */
async function signUp(latchkey) {
  const account = { email: `${randomUUID()}@example.org`, password: 'another example of a password' };
  const { token } = await signIn(latchkey, ADMIN);
  const made = json(
    'POST',
    '/accounts',
    { account: { ...account, name: 'Someone' } },
    { authorization: `Bearer ${token}` },
  );
  await must(latchkey, made);
  return account;
}

/** @param who gives the account that looks at its token, by its email and password */
const rowOf = (name, who) => ({
  name,
  goals: { 20: 0.45, 24: 0.45 },
  peers: ['hand-written'],
  async prepare({ client }, servers) {
    const latchkey = servers.find(({ kind }) => kind === 'latchkey');
    const { email, password } = await who(latchkey);
    const login = json('POST', '/api/v1/token/', { username: email, password }, { 'app-token': APP_TOKEN });
    const { token } = await must(latchkey, login);
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
});

export const appToken = rowOf('`GET /api/v1/tokens/{id}`: App-Token and Token, one record', signUp);
/** What an admin looks at is in the audit log before it is shown; the peer has none. */
export const appTokenOfAdmin = rowOf('the same for an admin, whose look is noted', () => ADMIN);
