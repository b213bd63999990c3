import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { ADMIN, signIn } from '../support/fixtures.js';
import { json } from '../support/http.js';
import { CONNECTIONS } from '../support/load.js';
import { figure } from '../support/statistics.js';

const SIGNATURES = fileURLToPath(new URL('../servers/signatures.js', import.meta.url));

const refreshOf = (token) => json('PUT', '/account/session', { account: { refresh_token: token, remember_me: true } });

/** A chain of refresh tokens: each request shows what the answer before gave. After a slice the last answer may be lost. */
function chain(session) {
  return {
    ...refreshOf(session.token),
    setupRequest: (request) => ({ ...request, ...refreshOf(session.token) }),
    onResponse(status, body) {
      if (status === 200) session.token = JSON.parse(body).refresh_token;
    },
  };
}

const withOtherStart = (token) => (token.startsWith('a') ? 'b' : 'a') + token.slice(1);

/** What no server that signs a JWT for each refresh can be faster than. */
function ceiling(node) {
  const rate = Number(execFileSync(node, [SIGNATURES], { env: { PATH: process.env.PATH }, encoding: 'utf8' }));
  return `${availableParallelism()} threads that do nothing but sign (RS512, 3,072 bits) make ${figure(rate)} signatures a second, on all cores.`;
}

/** The peer signs its JWTs (RS512, 3,072 bits) as Latchkey does. */
export const refresh = {
  name: '`PUT /account/session`, refresh',
  goals: { 20: 0.15, 24: 0.15 },
  peers: ['hand-written'],
  remark: ceiling,
  longer: 3,
  async prepare({ client }, servers) {
    const sessions = new Map();
    for (const server of servers) {
      const tokens = [];
      // One more than there are connections, for the example.
      for (let made = 0; made <= CONNECTIONS; made += 1) {
        if (server.kind === 'latchkey') tokens.push((await signIn(server, ADMIN, true)).refresh_token);
        else {
          const { rows } = await client.query(
            `INSERT INTO peer.sessions (id, account_id, expires_at)
             VALUES (gen_random_uuid(), 'account', now() + interval '1 day') RETURNING id`,
          );
          tokens.push(`${rows[0].id}.0`);
        }
      }
      sessions.set(
        server,
        tokens.map((token) => ({ token })),
      );
    }
    const example = new Map(servers.map((server) => [server, sessions.get(server).pop().token]));
    return {
      status: 200,
      contains: '"refresh_token"',
      example: (server) => refreshOf(example.get(server)),
      bad: (server) => refreshOf(withOtherStart(example.get(server))),
      isRight(answer, server) {
        example.set(server, answer.refresh_token);
        return answer.token.split('.').length === 3;
      },
      requests: (server, isBare) => sessions.get(server).map((session) => chain(isBare ? { ...session } : session)),
    };
  },
};
