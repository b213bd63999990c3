// What one would write by hand: Fastify with one prepared statement per request, no cache and no modules.
import { createHash, randomBytes } from 'node:crypto';
import Fastify from 'fastify';
import pg from 'pg';

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 });
const fastify = Fastify();
const digest = (secret) => createHash('sha256').update(secret).digest();

const check = {
  name: 'check',
  text:
    'SELECT gateway_account_id FROM tokens WHERE digest = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR ' +
    'expires_at > now())',
};
fastify.get('/v1/api/auth', async (request, reply) => {
  const { rows } = await pool.query({ ...check, values: [digest(request.headers.authorization.slice(7))] });
  return rows[0] ? { account_id: rows[0].gateway_account_id } : reply.code(401).send();
});

const session = {
  name: 'session',
  text:
    'SELECT a.id, a.email FROM sessions s JOIN accounts a ON a.id = s.account_id WHERE s.id = $1 AND ' +
    's.revoked_at IS NULL AND s.expires_at > now()',
};
fastify.get('/accounts/:id', async (request, reply) => {
  const claims = JSON.parse(Buffer.from(request.headers.authorization.split('.')[1], 'base64url'));
  const { rows } = await pool.query({ ...session, values: [claims.sid] });
  return rows[0] ? { data: rows[0] } : reply.code(401).send();
});

const both = {
  name: 'both',
  text: `SELECT u.id, u.hint, u.created_at, u.expires_at, u.last_used_at, u.account_id AS owner, u.scopes, u.actor_id AS actor
    FROM tokens a, tokens u WHERE a.digest = $1 AND u.digest = $2 AND a.expires_at > now() AND u.expires_at > now()`,
};
fastify.get('/api/v1/tokens/:id', async ({ headers }, reply) => {
  const { rows } = await pool.query({ ...both, values: [digest(headers['app-token']), digest(headers.token)] });
  return rows[0] ?? reply.code(401).send();
});

const issue = {
  name: 'issue',
  text: `INSERT INTO tokens (kind, digest, hint, gateway_account_id, description) VALUES ('api', $1, $2, $3, $4)`,
};
fastify.post('/v1/frontend/auth', async ({ body }) => {
  const token = `api_${randomBytes(20).toString('hex')}`;
  await pool.query({ ...issue, values: [digest(token), token.slice(-4), body.account_id, body.description] });
  return { token };
});

const identify = {
  name: 'identify',
  text: `WITH t AS (SELECT client_id FROM tokens WHERE digest = $1 AND revoked_at IS NULL AND expires_at > now()),
    found AS (SELECT a.id, a.name, a.publisher_reference, a.individual
      FROM account_networks n JOIN accounts a ON a.id = n.account_id
      WHERE n.network >>= $2::inet AND a.disabled_at IS NULL ORDER BY masklen(n.network) DESC, a.created_at, a.id LIMIT 1),
    made AS (INSERT INTO identifications (ip, url, user_agent, client_id, account_id, expires_at)
      SELECT $2, $3, $4, client_id, (SELECT id FROM found), now() + interval '30 days' FROM t RETURNING id, created_at)
    SELECT made.*, row_to_json(found) AS account FROM made LEFT JOIN found ON true`,
};
fastify.post('/api/identifications', async ({ headers, body }, reply) => {
  const values = [digest(headers.authorization.slice(7)), body.ip, body.url, body.user_agent];
  const { rows } = await pool.query({ ...identify, values });
  return rows[0] ? reply.code(201).send({ ...body, ...rows[0] }) : reply.code(401).send();
});

await fastify.listen({ host: '127.0.0.1', port: Number(process.env.PORT) });
