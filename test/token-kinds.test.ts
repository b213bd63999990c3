import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EntityManager } from 'typeorm';
import { OauthClients } from '../src/oauth/oauth-clients.service.js';
import { FIND_GOOD } from '../src/tokens/verified-tokens.store.js';
import { TOKEN_KINDS, type TokenKind } from '../src/tokens/token-kinds.js';
import { TokenIssuer } from '../src/tokens/token-issuer.service.js';
import { Tokens } from '../src/tokens/tokens.service.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { newAccessToken, newClient } from './support/oauth.js';
import { startServer, type TestServer } from './support/server.js';
import { makeAdmin } from './support/tokens.js';

let database: TestDatabase;
let server: TestServer;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.connection);
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

async function newClientToken(owner: { ownerId?: string } = {}) {
  const manager = server.app.get(EntityManager);
  const id = `client-${Math.random()}`;
  const client = { id, secret: 'x'.repeat(32), name: 'test', scopes: ['accounts:read'], ...owner };
  await server.app.get(OauthClients).add(manager, client);
  const [secret] = await database.query<{ id: string }>('SELECT id FROM oauth_client_secrets WHERE client_id = $1', [
    id,
  ]);
  const shown = { clientId: id, secretId: secret?.id ?? '' };
  const issued = await server.app.get(TokenIssuer).issueToClient(shown, { scopes: ['accounts:read'] });
  if (!issued) throw new Error('No token was issued.');
  return { id, secret: issued.secret, tokenId: issued.id };
}

it('The table takes the kinds that are declared, and no other', async () => {
  const [check] = await database.query<{ definition: string }>(
    `SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint
     WHERE conname = 'tokens_kind_check' AND conrelid = 'tokens'::regclass`,
  );
  const taken = [...(check?.definition ?? '').matchAll(/'(\w+)'/g)].map(([, kind]) => kind);
  expect(taken.sort()).toEqual(Object.keys(TOKEN_KINDS).sort());
});

describe('A token of a client', () => {
  it('is good for OAUTH_TOKEN_TTL, as that kind and no other', async () => {
    const { id, secret, tokenId } = await newClientToken();
    const [row] = await database.query<{ seconds: number }>(
      'SELECT extract(epoch FROM expires_at - created_at)::int AS seconds FROM tokens WHERE id = $1',
      [tokenId],
    );
    expect(row?.seconds).toBe(3_600);
    expect(await server.app.get(Tokens).check('oauth', secret)).toMatchObject({
      grant: { clientId: id, scopes: ['accounts:read'] },
    });
    for (const kind of ['app', 'user', 'api'] as const) {
      expect(await server.app.get(Tokens).check(kind, secret)).toBeUndefined();
    }
  });

  it('is stored as a digest, and goes with its client', async () => {
    const { id, secret, tokenId } = await newClientToken();
    const [row] = await database.query('SELECT * FROM tokens WHERE id = $1', [tokenId]);
    expect(row).toMatchObject({ kind: 'oauth', client_id: id, account_id: null, hint: secret.slice(-4) });
    expect(JSON.stringify(row)).not.toContain(secret);
    await database.query('DELETE FROM oauth_clients WHERE id = $1', [id]);
    expect(await server.app.get(Tokens).check('oauth', secret)).toBeUndefined();
  });
});

describe('A token of a client that an admin answers for', () => {
  it.each([
    ['is no longer an admin', `role = 'user'`],
    ['is disabled', 'disabled_at = now()'],
  ])('is not good when the admin %s', async (_, change) => {
    const { id: ownerId } = await makeAdmin(server);
    const { id, secret } = await newClientToken({ ownerId });
    await database.query(`UPDATE accounts SET ${change} WHERE id = $1`, [ownerId]);
    expect(await server.app.get(Tokens).check('oauth', secret)).toBeUndefined();
    await database.query(`UPDATE accounts SET role = 'admin', disabled_at = NULL WHERE id = $1`, [ownerId]);
    expect(await server.app.get(Tokens).check('oauth', secret)).toMatchObject({
      grant: { clientId: id, accountId: ownerId, gatewayAccountId: null },
    });
  });

  it('goes with the admin', async () => {
    const { id: ownerId } = await makeAdmin(server);
    const { secret, tokenId } = await newClientToken({ ownerId });
    await database.query('DELETE FROM accounts WHERE id = $1', [ownerId]);
    expect(await server.app.get(Tokens).check('oauth', secret)).toBeUndefined();
    expect(await database.query('SELECT 1 FROM tokens WHERE id = $1', [tokenId])).toEqual([]);
  });
});

it('A token is not issued without the owner that its kind asks for', async () => {
  const issue = server.app.get(TokenIssuer).issue(server.app.get(EntityManager), 'app', { gatewayAccountId: 'x' });
  await expect(issue).rejects.toThrow('A token of the kind app needs accountId.');
  expect(await database.query('SELECT 1 FROM tokens WHERE gateway_account_id = $1', ['x'])).toEqual([]);
});

it('A check finds its token by the digest, also before PostgreSQL has ever analysed the table', async () => {
  await database.query('ALTER TABLE tokens SET (autovacuum_enabled = false)');
  await database.query(
    `INSERT INTO tokens (kind, digest, hint, gateway_account_id)
     SELECT 'api', sha256(n::text::bytea), 'aaaa', 'x' FROM generate_series(1, 5000) n`,
  );
  const plan = await database.query(`EXPLAIN (FORMAT JSON) ${FIND_GOOD.text}`, [[Buffer.alloc(32)], ['api']]);
  expect(JSON.stringify(plan)).toContain('tokens_digest_key');
  expect(JSON.stringify(plan)).not.toContain('tokens_listed_idx');
});

describe('Tokens of one holder', () => {
  const checked = async (kind: TokenKind, secret: string) => {
    const token = await server.app.get(Tokens).check(kind, secret);
    if (!token) throw new Error('The token is not good.');
    return token;
  };
  const newApiToken = async (columns: Record<string, string>) => {
    const manager = server.app.get(EntityManager);
    const { secret, record } = await server.app.get(TokenIssuer).issue(manager, 'api', { gatewayAccountId: 'ONE' });
    for (const [name, value] of Object.entries(columns)) {
      await database.query(`UPDATE tokens SET ${name} = $2 WHERE id = $1`, [record.id, value]);
    }
    return { secret, id: record.id };
  };

  it('share what they have in common, and nothing else', async () => {
    const [one, other] = [await newApiToken({}), await newApiToken({})];
    const [first, second] = [await checked('api', one.secret), await checked('api', other.secret)];
    expect(second.grant).toBe(first.grant);
    expect([first.id, second.id]).toEqual([one.id, other.id]);
  });

  it.each([
    ['payment_type', 'DIRECT_DEBIT', { paymentType: 'DIRECT_DEBIT' }],
    ['service_external_id', 'service', { serviceExternalId: 'service' }],
    ['service_mode', 'TEST', { serviceMode: 'TEST' }],
  ])('have each its own %s', async (column, value, expected) => {
    const [plain, marked] = [await newApiToken({}), await newApiToken({ [column]: value })];
    const { grant } = await checked('api', plain.secret);
    expect((await checked('api', marked.secret)).grant).toEqual({ ...grant, ...expected });
  });

  it('have each its own scopes', async () => {
    const client = await newClient(server);
    for (const scope of ['accounts:read', 'accounts:write']) {
      const { grant } = await checked('oauth', await newAccessToken(server, client, scope));
      expect(grant.scopes).toEqual([scope]);
    }
  });
});
