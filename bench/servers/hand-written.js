// What one would write by hand: Fastify with one prepared statement per request, no cache, no modules and no audit log.
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import Fastify from 'fastify';
import { SignJWT } from 'jose';
import pg from 'pg';

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 });
const fastify = Fastify();
fastify.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
  done(null, Object.fromEntries(new URLSearchParams(body))),
);
const digest = (secret) => createHash('sha256').update(secret).digest();
const query = (name, text) => async (values) => (await pool.query({ name, text, values })).rows[0];
const bearer = ({ authorization }) => authorization.slice('Bearer '.length);

/** The client's id, and the digest of its secret. */
function basic({ authorization }) {
  const text = Buffer.from(authorization.slice('Basic '.length), 'base64').toString();
  const colon = text.indexOf(':');
  return [text.slice(0, colon), digest(text.slice(colon + 1))];
}

const check = query(
  'check',
  'SELECT account_id FROM peer.api_tokens WHERE digest = $1 AND (expires_at IS NULL OR expires_at > now())',
);
fastify.get('/v1/api/auth', async ({ headers }, reply) => {
  const found = await check([digest(bearer(headers))]);
  return found ?? reply.code(401).send();
});

const introspect = query(
  'introspect',
  `SELECT c.id, t.client_id, t.scope, extract(epoch FROM t.expires_at)::int AS exp, extract(epoch FROM t.created_at)::int AS iat
   FROM peer.clients c LEFT JOIN peer.access_tokens t ON t.digest = $3 AND t.expires_at > now()
   WHERE c.id = $1 AND c.secret_digest = $2`,
);
fastify.post('/oauth/introspect', async ({ headers, body }, reply) => {
  const found = await introspect([...basic(headers), digest(body.token)]);
  if (!found) return reply.code(401).send();
  const { client_id, scope, exp, iat } = found;
  return client_id === null ? { active: false } : { active: true, client_id, scope, exp, iat };
});

const grant = query(
  'grant',
  `INSERT INTO peer.access_tokens (digest, client_id, scope, expires_at)
   SELECT $3, id, scope, now() + interval '1 hour' FROM peer.clients WHERE id = $1 AND secret_digest = $2 RETURNING scope`,
);
fastify.post('/oauth/token', async ({ headers }, reply) => {
  const token = randomBytes(32).toString('base64url');
  const made = await grant([...basic(headers), digest(token)]);
  if (!made) return reply.code(401).send();
  return { access_token: token, token_type: 'Bearer', expires_in: 3_600, scope: made.scope };
});

const session = query(
  'session',
  `SELECT a.id, a.email FROM peer.sessions s JOIN peer.accounts a ON a.id = s.account_id
   WHERE s.id = $1 AND s.expires_at > now()`,
);
fastify.get('/accounts/:id', async ({ headers }, reply) => {
  const claims = JSON.parse(Buffer.from(headers.authorization.split('.')[1], 'base64url'));
  const found = await session([claims.sid]);
  return found ? { account: found } : reply.code(401).send();
});

// Who shows the one before again, as its answer was lost, is given the same successor.
const rotate = query(
  'rotate',
  `UPDATE peer.sessions SET counter = $2::int + 1, expires_at = now() + interval '30 days'
   WHERE id = $1 AND counter BETWEEN $2::int AND $2::int + 1 AND expires_at > now() RETURNING account_id, counter`,
);
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 3_072 });
fastify.put('/account/session', async ({ body }, reply) => {
  const [id, counter] = body.account.refresh_token.split('.');
  const rotated = await rotate([id, Number(counter)]);
  if (!rotated) return reply.code(401).send();
  const token = await new SignJWT({ sid: id, data: { id: rotated.account_id } })
    .setProtectedHeader({ alg: 'RS512' })
    .setExpirationTime('1d')
    .sign(privateKey);
  return { token, refresh_token: `${id}.${rotated.counter}` };
});

const both = query(
  'both',
  `SELECT u.id, u.owner, u.created_at, u.expires_at FROM peer.user_tokens a, peer.user_tokens u
   WHERE a.digest = $1 AND u.digest = $2 AND a.expires_at > now() AND u.expires_at > now()`,
);
fastify.get('/api/v1/tokens/:id', async ({ headers }, reply) => {
  const found = await both([digest(headers['app-token']), digest(headers.token)]);
  return found ?? reply.code(401).send();
});

const issue = query('issue', 'INSERT INTO peer.api_tokens (digest, account_id, description) VALUES ($1, $2, $3)');
fastify.post('/v1/frontend/auth', async ({ body }) => {
  const token = `api_${randomBytes(20).toString('hex')}`;
  await issue([digest(token), body.account_id, body.description]);
  return { token };
});

const identify = query(
  'identify',
  `WITH t AS (SELECT client_id FROM peer.access_tokens WHERE digest = $1 AND expires_at > now()),
    found AS (SELECT a.id, a.name FROM peer.networks n JOIN peer.accounts a ON a.id = n.account_id
      WHERE n.network >>= $2::inet ORDER BY masklen(n.network) DESC LIMIT 1),
    made AS (INSERT INTO peer.identifications (ip, url, user_agent, client_id, account_id, expires_at)
      SELECT $2, $3, $4, client_id, (SELECT id FROM found), now() + interval '30 days' FROM t RETURNING id, created_at)
    SELECT made.*, row_to_json(found) AS account FROM made LEFT JOIN found ON true`,
);
fastify.post('/api/identifications', async ({ headers, body }, reply) => {
  const made = await identify([digest(bearer(headers)), body.ip, body.url, body.user_agent]);
  return made ? reply.code(201).send({ ...body, ...made }) : reply.code(401).send();
});

await fastify.listen({ host: '127.0.0.1', port: Number(process.env.PORT) });
