import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import { CLIENT_SCOPE_NAMES } from '../src/access/client-scopes.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { newClient, type Client } from './support/oauth.js';
import { freePort } from './support/process.js';
import { signUp, startServer, type TestServer } from './support/server.js';

/** Two libraries that go by the RFCs and forgive nothing, as their users use them. Plain HTTP is all they are allowed. */
let database: TestDatabase;
let server: TestServer;
/** Its secret is one that has to be encoded. */
let client: Client;
/** Has the scope `identifications`, and no other. */
let limited: Client;

beforeAll(async () => {
  database = await createDatabase();
  const port = await freePort();
  // Each library shows each wrong secret to each endpoint.
  const limits = { loginMaxFailures: 100 };
  server = await startServer(database.connection, { port, publicUrl: `http://127.0.0.1:${port}`, ...limits });
  client = await newClient(server, { id: 'reading-room_1.0', secret: '50% of: "a+b" & é/€ ~*!()' });
  limited = await newClient(server, { scopes: ['identifications'] });
});

afterAll(async () => {
  await server.close();
  await database.drop();
});

const ALL_SCOPES = CLIENT_SCOPE_NAMES.join(' ');
const UNKNOWN = '0'.repeat(32);
const BASIC_CHALLENGE = [{ scheme: 'basic', parameters: { realm: 'latchkey', charset: 'UTF-8' } }];
const bearerChallenge = (parameters: object) => [
  { scheme: 'bearer', parameters: { realm: 'latchkey', ...parameters } },
];

describe('openid-client', () => {
  const issuer = () => new URL(server.config.publicUrl);

  function discover({ id, secret }: Client, method: openid.ClientAuth): Promise<openid.Configuration> {
    return openid.discovery(issuer(), id, secret, method, {
      algorithm: 'oauth2',
      // eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so that nobody does it in production
      execute: [openid.allowInsecureRequests],
    });
  }

  const methods = [
    ['client_secret_basic', (secret: string) => openid.ClientSecretBasic(secret)],
    ['client_secret_post', (secret: string) => openid.ClientSecretPost(secret)],
  ] as const;

  const withBasic = (one: Client) => discover(one, openid.ClientSecretBasic(one.secret));

  it('finds out all it needs from the address of the server alone', async () => {
    const metadata = (await withBasic(client)).serverMetadata();
    expect(metadata).toMatchObject({
      issuer: server.url,
      token_endpoint: `${server.url}/oauth/token`,
      introspection_endpoint: `${server.url}/oauth/introspect`,
      revocation_endpoint: `${server.url}/oauth/revoke`,
      grant_types_supported: ['client_credentials'],
      scopes_supported: CLIENT_SCOPE_NAMES,
    });
    for (const [method] of methods) expect(metadata.token_endpoint_auth_methods_supported).toContain(method);
  });

  it('finds the keys of session JWTs by the discovery of OpenID Connect, which promises nothing that is not so', async () => {
    const found = await openid.discovery(issuer(), client.id, client.secret, undefined, {
      // eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so that nobody does it in production
      execute: [openid.allowInsecureRequests],
    });
    const { jwks_uri: keys = '', ...metadata } = found.serverMetadata();
    const { token } = await signUp(server);
    const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(keys)), { issuer: metadata.issuer });
    expect(payload.sub).toBe('account');
    const { body } = await server.call('GET', '/.well-known/openid-configuration');
    expect(body).toEqual((await server.call('GET', '/.well-known/oauth-authorization-server')).body);
    const promises = /^(subject_types_supported|id_token_.*|userinfo_endpoint|authorization_endpoint|claims_.*)$/;
    expect(Object.keys(body as object).filter((member) => promises.test(member))).toEqual([]);
  });

  it('does not take the server for another one', async () => {
    const other = issuer();
    other.hostname = 'localhost';
    const discovery = openid.discovery(other, client.id, client.secret, undefined, {
      algorithm: 'oauth2',
      // eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so that nobody does it in production
      execute: [openid.allowInsecureRequests],
    });
    await expect(discovery).rejects.toMatchObject({ code: 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED' });
  });

  describe.each(methods)('with %s', (_, method) => {
    it('gets a token, has it introspected, uses it and revokes it', async () => {
      const configuration = await discover(client, method(client.secret));
      const token = await openid.clientCredentialsGrant(configuration, { scope: 'accounts:read tokens:introspect' });
      expect(token).toMatchObject({
        token_type: 'bearer',
        expires_in: 3_600,
        scope: 'accounts:read tokens:introspect',
      });
      expect(token.expiresIn()).toBeGreaterThan(3_590);

      const seen = await openid.tokenIntrospection(configuration, token.access_token);
      expect(seen).toMatchObject({ active: true, client_id: client.id, scope: token.scope, iss: server.url });

      const accounts = new URL('/api/accounts', server.url);
      const answer = await openid.fetchProtectedResource(configuration, token.access_token, accounts, 'GET');
      expect([answer.status, await answer.json()]).toEqual([200, { accounts: expect.any(Array) }]);

      await openid.tokenRevocation(configuration, token.access_token);
      expect(await openid.tokenIntrospection(configuration, token.access_token)).toEqual({ active: false });
      await expect(
        openid.fetchProtectedResource(configuration, token.access_token, accounts, 'GET'),
      ).rejects.toMatchObject({ status: 401, cause: bearerChallenge({ error: 'invalid_token' }) });
    });

    it('gets all scopes when it asks for none', async () => {
      const configuration = await discover(client, method(client.secret));
      expect((await openid.clientCredentialsGrant(configuration)).scope).toBe(ALL_SCOPES);
    });

    it('understands that its secret is wrong, at each endpoint', async () => {
      const configuration = await discover(limited, method('wrong'));
      for (const request of [
        () => openid.clientCredentialsGrant(configuration),
        () => openid.tokenIntrospection(configuration, UNKNOWN),
        () => openid.tokenRevocation(configuration, UNKNOWN),
      ]) {
        const error: unknown = await request().catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(openid.WWWAuthenticateChallengeError);
        expect(error).toMatchObject({ status: 401, cause: BASIC_CHALLENGE });
      }
    });
  });

  it('understands why a grant is refused', async () => {
    const configuration = await withBasic(limited);
    await expect(openid.clientCredentialsGrant(configuration, { scope: 'accounts:read' })).rejects.toMatchObject({
      name: 'ResponseBodyError',
      status: 400,
      error: 'invalid_scope',
      error_description: 'The client is not registered for every requested scope.',
    });
    await expect(openid.genericGrantRequest(configuration, 'password', { username: 'x' })).rejects.toMatchObject({
      name: 'ResponseBodyError',
      status: 400,
      error: 'unsupported_grant_type',
    });
  });

  it('understands what its token lacks', async () => {
    const configuration = await withBasic(limited);
    const { access_token } = await openid.clientCredentialsGrant(configuration);
    const accounts = new URL('/api/accounts', server.url);
    await expect(openid.fetchProtectedResource(configuration, access_token, accounts, 'GET')).rejects.toMatchObject({
      status: 403,
      cause: bearerChallenge({ error: 'insufficient_scope', scope: 'accounts:read' }),
    });
  });

  it('understands that a client may not introspect', async () => {
    const configuration = await withBasic(limited);
    await expect(openid.tokenIntrospection(configuration, UNKNOWN)).rejects.toMatchObject({
      name: 'ResponseBodyError',
      status: 403,
      error: 'insufficient_scope',
    });
  });
});

describe('oauth4webapi', () => {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so that nobody does it in production
  const plain = { [oauth.allowInsecureRequests]: true };
  const asClient = ({ id }: Client): oauth.Client => ({ client_id: id });
  const methods = [
    ['client_secret_basic', ({ secret }: Client) => oauth.ClientSecretBasic(secret)],
    ['client_secret_post', ({ secret }: Client) => oauth.ClientSecretPost(secret)],
  ] as const;

  async function discover(): Promise<oauth.AuthorizationServer> {
    const issuer = new URL(server.config.publicUrl);
    const response = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...plain });
    return oauth.processDiscoveryResponse(issuer, response);
  }

  async function grant(
    one: Client,
    authentication: oauth.ClientAuth,
    scope = '',
  ): Promise<oauth.TokenEndpointResponse> {
    const as = await discover();
    const parameters = scope === '' ? {} : { scope };
    const response = await oauth.clientCredentialsGrantRequest(as, asClient(one), authentication, parameters, plain);
    return oauth.processClientCredentialsResponse(as, asClient(one), response);
  }

  async function introspect(one: Client, authentication: oauth.ClientAuth, token: string) {
    const as = await discover();
    const response = await oauth.introspectionRequest(as, asClient(one), authentication, token, plain);
    return oauth.processIntrospectionResponse(as, asClient(one), response);
  }

  async function revoke(one: Client, authentication: oauth.ClientAuth, token: string): Promise<void> {
    const response = await oauth.revocationRequest(await discover(), asClient(one), authentication, token, plain);
    await oauth.processRevocationResponse(response);
  }

  const accounts = (token: string) =>
    oauth.protectedResourceRequest(token, 'GET', new URL('/api/accounts', server.url), undefined, undefined, plain);

  it('finds keys in the metadata that verify the JWT of a session', async () => {
    const { issuer, jwks_uri = '' } = await discover();
    const { id, token } = await signUp(server);
    const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(jwks_uri)), { issuer });
    expect(payload).toMatchObject({ data: { id } });
  });

  describe.each(methods)('with %s', (_, method) => {
    it('gets a token, has it introspected, uses it and revokes it', async () => {
      const token = await grant(client, method(client), 'accounts:read');
      expect(token).toMatchObject({ token_type: 'bearer', expires_in: 3_600, scope: 'accounts:read' });
      const seen = await introspect(client, method(client), token.access_token);
      expect(seen).toMatchObject({ active: true, client_id: client.id, scope: 'accounts:read', iss: server.url });
      const answer = await accounts(token.access_token);
      expect([answer.status, await answer.json()]).toEqual([200, { accounts: expect.any(Array) }]);

      await revoke(client, method(client), token.access_token);
      await revoke(client, method(client), token.access_token);
      expect(await introspect(client, method(client), token.access_token)).toEqual({ active: false });
      await expect(accounts(token.access_token)).rejects.toMatchObject({
        status: 401,
        cause: bearerChallenge({ error: 'invalid_token' }),
      });
    });

    it('understands that its secret is wrong, at each endpoint', async () => {
      const wrong = method({ ...limited, secret: 'wrong' });
      for (const request of [
        () => grant(limited, wrong),
        () => introspect(limited, wrong, UNKNOWN),
        () => revoke(limited, wrong, UNKNOWN),
      ]) {
        const error: unknown = await request().catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(oauth.WWWAuthenticateChallengeError);
        expect(error).toMatchObject({ status: 401, cause: BASIC_CHALLENGE });
      }
    });
  });

  it('understands why a request is refused', async () => {
    const authentication = oauth.ClientSecretBasic(limited.secret);
    await expect(grant(limited, authentication, 'accounts:write')).rejects.toMatchObject({
      name: 'ResponseBodyError',
      status: 400,
      error: 'invalid_scope',
    });
    const { access_token } = await grant(limited, authentication);
    await expect(accounts(access_token)).rejects.toMatchObject({
      status: 403,
      cause: bearerChallenge({ error: 'insufficient_scope', scope: 'accounts:read' }),
    });
    await expect(introspect(limited, authentication, access_token)).rejects.toMatchObject({
      name: 'ResponseBodyError',
      status: 403,
      error: 'insufficient_scope',
    });
  });

  it('understands the challenge of a session route too', async () => {
    const path = new URL('/accounts/f47ac10b-58cc-4372-a567-0e02b2c3d479', server.url);
    await expect(
      oauth.protectedResourceRequest('nonsense', 'GET', path, undefined, undefined, plain),
    ).rejects.toMatchObject({ status: 401, cause: [{ scheme: 'bearer', parameters: { error: 'invalid_token' } }] });
  });
});
