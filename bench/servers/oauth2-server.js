// @node-oauth/oauth2-server on Fastify, with a plain model on PostgreSQL.
import { createHash } from 'node:crypto';
import OAuth2Server from '@node-oauth/oauth2-server';
import Fastify from 'fastify';
import pg from 'pg';

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 });
const digest = (secret) => createHash('sha256').update(secret).digest();
const query = (name, text) => async (values) => (await pool.query({ name, text, values })).rows[0];

const findToken = query('token', 'SELECT account_id, expires_at FROM peer.api_tokens WHERE digest = $1');
const findClient = query('client', 'SELECT id, scope FROM peer.clients WHERE id = $1 AND secret_digest = $2');
const insert = query(
  'insert',
  'INSERT INTO peer.access_tokens (digest, client_id, scope, expires_at) VALUES ($1, $2, $3, $4)',
);
/** A token without an end has one in the far future: the package asks for a date. */
const NEVER = new Date('2999-01-01');

const model = {
  async getAccessToken(accessToken) {
    const found = await findToken([digest(accessToken)]);
    if (!found) return undefined;
    const { account_id: id, expires_at: expires } = found;
    return { accessToken, accessTokenExpiresAt: expires ?? NEVER, client: { id: 'gateway' }, user: { id } };
  },
  async getClient(id, secret) {
    const found = await findClient([id, digest(secret)]);
    return found && { id, scope: found.scope, grants: ['client_credentials'] };
  },
  getUserFromClient: (client) => Promise.resolve({ id: client.id }),
  validateScope: (_user, client) => Promise.resolve(client.scope.split(' ')),
  async saveToken(token, client, user) {
    await insert([digest(token.accessToken), client.id, token.scope.join(' '), token.accessTokenExpiresAt]);
    return { ...token, client, user };
  },
};
const oauth = new OAuth2Server({ model, accessTokenLifetime: 3_600 });

const fastify = Fastify();
fastify.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
  done(null, Object.fromEntries(new URLSearchParams(body))),
);
const requestOf = ({ method, headers, query: parameters, body }) =>
  new OAuth2Server.Request({ method, headers, query: parameters, body: body ?? {} });
fastify.setErrorHandler((error, _request, reply) => reply.code(error.code ?? 500).send({ error: error.name }));

fastify.get('/v1/api/auth', async (request) => {
  const { user } = await oauth.authenticate(requestOf(request), new OAuth2Server.Response());
  return { account_id: user.id };
});
fastify.post('/oauth/token', async (request, reply) => {
  const response = new OAuth2Server.Response();
  await oauth.token(requestOf(request), response);
  return reply.headers(response.headers).send(response.body);
});

await fastify.listen({ host: '127.0.0.1', port: Number(process.env.PORT) });
