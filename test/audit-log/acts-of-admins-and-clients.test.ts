import { randomUUID } from 'node:crypto';
import { expect } from '@jest/globals';
import { type AuditKind } from '../../src/audit-log/audit-kinds.js';
import {
  accessToken,
  type Act,
  type Acts,
  admin,
  appTokenOf,
  asked,
  AUDIT,
  by,
  client,
  database,
  everyAnswerIsDescribed,
  form,
  idOf,
  newAccount,
  newName,
  newOauthClient,
  newOrganisation,
  newPassword,
  type Request,
  type Row,
  secrets,
  server,
  strict,
  theTrailHas,
  theWholeTrailHoldsNoSecret,
  user,
  withTrail,
} from '../support/audit-log.js';
import { basic, newAccessToken, newClient } from '../support/oauth.js';
import { bearer, claimsOf, newEmail } from '../support/server.js';
import { newApiToken, newAppToken, oboToken, signedInAdmin, tokenHeaders } from '../support/tokens.js';

withTrail();

/** What admins look at, and the row of it. */
const reading =
  (
    path: () => string | Promise<string>,
    kind: AuditKind,
    row: () => Partial<Row> | Promise<Partial<Row>> = () => ({}),
  ) =>
  async (): Promise<Act> => ({
    request: asked('GET', await path()),
    status: 200,
    leaves: async () => [{ kind, ...(await by(admin)), ...(await row()) }],
  });

/** A change by an admin, and the row of it. */
const changing =
  (
    kind: AuditKind,
    prepare: () => Promise<{ request: Request; status?: number; subject?: string; details?: object }>,
  ) =>
  async (): Promise<Act> => {
    const { request, status = 204, subject = null, details = {} } = await prepare();
    const row = { kind, ...(await by(admin)), subject, details: details as Row['details'] };
    return { request, status, leaves: () => [row] };
  };

const tokenChange = (kind: AuditKind, method: string, body?: object) =>
  changing(kind, async () => {
    const subject = await idOf(await newAppToken(server, user));
    const details = { kind: 'app', account: user.id };
    return { request: asked(method, `/api/v1/app_tokens/${subject}`, body), subject, details };
  });

const oauthClientChange = (
  kind: AuditKind,
  request: (made: { id: string; secretId: string }) => {
    method: string;
    path?: string;
    body?: object;
    status?: number;
  },
  details: (made: { secretId: string }) => object = () => ({}),
) =>
  changing(kind, async () => {
    const made = await newOauthClient();
    const { method, path = '', body, status = 204 } = request(made);
    const full = asked(method, `/api/v1/oauth_clients/${made.id}${path}`, body);
    return { request: full, status, subject: made.id, details: details(made) };
  });

const accountChange = (kind: AuditKind, body: object, details: object = {}) =>
  changing(kind, async () => {
    const { id } = await newAccount();
    return { request: asked('PATCH', `/api/v1/accounts/${id}`, body), status: 200, subject: id, details };
  });

/** All that is done by admins, by clients and with tokens; each is to leave just these rows. */
const ACTS: Acts = [
  // Accounts, by clients and by admins.
  [
    'an organisation that a client makes',
    () => {
      const body = { name: newName(), networks: ['192.0.2.0/24'], email_domains: ['Example.ORG'] };
      return Promise.resolve({
        request: { method: 'POST', path: '/api/accounts', body, headers: bearer(accessToken) },
        status: 201,
        leaves: ({ body: { id } }) => {
          const details = { fields: ['name'], networks: ['192.0.2.0/24'], email_domains: ['example.org'] };
          return [{ kind: 'account.created', client: client.id, subject: id as string, details }];
        },
      });
    },
  ],
  [
    'an organisation that a client changes',
    async () => {
      const id = await newOrganisation();
      const request = asked('PATCH', `/api/accounts/${id.toUpperCase()}`, { publisher_reference: 'p' }, client.basic);
      const row = { client: client.id, subject: id, details: { fields: ['publisher_reference'] } };
      return { request, status: 200, leaves: () => [{ kind: 'account.changed', ...row }] };
    },
  ],
  [
    'an organisation that a client deletes',
    async () => {
      const subject = await newOrganisation();
      return {
        request: asked('DELETE', `/api/accounts/${subject.toUpperCase()}`, undefined, bearer(accessToken)),
        status: 204,
        leaves: () => [{ kind: 'account.deleted', client: client.id, subject }],
      };
    },
  ],
  [
    'an account that an admin makes',
    () => {
      const body = { email: newEmail(), password: newPassword(), name: newName(), role: 'admin' };
      return Promise.resolve({
        request: asked('POST', '/api/v1/accounts/', body),
        status: 201,
        leaves: async ({ body: { id } }) => {
          const details = { role: 'admin', individual: true, fields: ['name'] };
          return [{ kind: 'account.created', ...(await by(admin)), subject: id, email: body.email, details }];
        },
      });
    },
  ],
  [
    'an account that an admin invites',
    () => {
      const body = { email: newEmail() };
      return Promise.resolve({
        request: asked('POST', '/api/v1/accounts/', body),
        status: 201,
        leaves: async ({ body: { id } }) => {
          const row = { ...(await by(admin)), subject: id as string, email: body.email };
          const details = { role: 'user', individual: true, fields: [] };
          return [
            { kind: 'account.created', ...row, details },
            { kind: 'account.invited', ...row },
          ];
        },
      });
    },
  ],
  [
    'all at once that an admin changes of an account',
    async () => {
      const { id } = await newAccount();
      const body = { name: newName(), email: newEmail(), role: 'admin', password: null, disabled: true };
      return {
        request: asked('PATCH', `/api/v1/accounts/${id}`, body),
        status: 200,
        leaves: async () => {
          const row = { ...(await by(admin)), subject: id };
          return [
            { kind: 'account.changed', ...row, details: { fields: ['name'] } },
            { kind: 'account.disabled', ...row },
            { kind: 'account.email_changed', ...row, email: body.email },
            { kind: 'account.password_removed', ...row },
            { kind: 'account.role_changed', ...row, details: { role: 'admin' } },
          ];
        },
      };
    },
  ],
  [
    'an account that is enabled',
    changing('account.enabled', async () => {
      const { id } = await newAccount();
      await server.call('PATCH', `/api/v1/accounts/${id}`, { disabled: true }, admin.headers);
      return { request: asked('PATCH', `/api/v1/accounts/${id}`, { disabled: false }), status: 200, subject: id };
    }),
  ],
  ['a role that is changed', accountChange('account.role_changed', { role: 'admin' }, { role: 'admin' })],
  ['an account that is disabled', accountChange('account.disabled', { disabled: true })],
  ['a password that is taken away', accountChange('account.password_removed', { password: null })],
  [
    'an account of which everything is ended',
    changing('account.revoked', async () => {
      const { id } = await newAccount();
      return { request: asked('POST', `/api/v1/accounts/${id.toUpperCase()}/revoke`), subject: id };
    }),
  ],
  [
    'a lock on an account that is lifted',
    changing('sign_in.unlocked', async () => {
      const { id, email } = await newAccount();
      const account = { email, password: 'wrong password' };
      for (let failure = 0; failure < server.config.loginMaxFailures; failure += 1) {
        await server.call('POST', '/account/session', { account });
      }
      const request = asked('DELETE', `/api/v1/accounts/${id.toUpperCase()}/lock`);
      return { request, subject: id, details: { was_locked: true } };
    }),
  ],
  [
    'an account that an admin deletes',
    changing('account.deleted', async () => {
      const { id } = await newAccount();
      const request = asked('DELETE', `/api/v1/accounts/${id.toUpperCase()}`);
      return { request, subject: id, details: { individual: true, role: 'user' } };
    }),
  ],
  [
    'a session that an admin ends',
    changing('session.ended', async () => {
      const { id, token } = await newAccount();
      const session = claimsOf(token).sid;
      return {
        request: asked('DELETE', `/api/v1/accounts/${id}/sessions/${session}`),
        subject: id,
        details: { session },
      };
    }),
  ],

  // Tokens.
  [
    'an application token that a user makes',
    () =>
      Promise.resolve({
        request: asked('POST', '/api/v1/app_tokens/', {}, user.headers),
        status: 201,
        leaves: async ({ body }) => {
          const subject = await idOf(body.app_token as string);
          return [{ kind: 'token.issued', ...(await by(user)), subject, details: { kind: 'app', scopes: [] } }];
        },
      }),
  ],
  [
    'a token on behalf of a user',
    () =>
      Promise.resolve({
        request: asked('POST', '/api/v1/tokens/', { user: user.id }),
        status: 201,
        leaves: async ({ body }) => {
          const row = { ...(await by(admin)), on_behalf_of: user.id, subject: await idOf(body.token as string) };
          return [{ kind: 'token.issued', ...row, details: { kind: 'user', scopes: [] } }];
        },
      }),
  ],
  [
    'a token on behalf of a user that is got on behalf of another admin',
    async () => {
      const other = await signedInAdmin(server);
      const headers = tokenHeaders(other.appToken, await oboToken(server, admin, other.id));
      return {
        request: asked('POST', '/api/v1/tokens/', { user: user.id }, headers),
        status: 201,
        leaves: async ({ body }) => {
          const who = { account: admin.id, app_token: await appTokenOf(other), on_behalf_of: user.id };
          const details = { kind: 'user', scopes: [], via: other.id };
          return [{ kind: 'token.issued', ...who, subject: await idOf(body.token as string), details }];
        },
      };
    },
  ],
  [
    'an application token that is made on behalf of a user',
    async () => {
      const headers = tokenHeaders(admin.appToken, await oboToken(server, admin, user.id));
      return {
        request: asked('POST', '/api/v1/app_tokens/', {}, headers),
        status: 201,
        leaves: async ({ body }) => {
          const row = { ...(await by(admin)), on_behalf_of: user.id, subject: await idOf(body.app_token as string) };
          return [{ kind: 'token.issued', ...row, details: { kind: 'app', scopes: [] } }];
        },
      };
    },
  ],
  [
    'an App-Token that has another name, which is not in the log',
    async () => {
      const subject = await idOf(await newAppToken(server, user, { name: 'The till' }));
      return {
        request: asked('PATCH', `/api/v1/app_tokens/${subject}`, { name: 'Another till' }, user.headers),
        status: 200,
        leaves: async () => [
          { kind: 'token.renamed', ...(await by(user)), subject, details: { kind: 'app', account: user.id } },
        ],
      };
    },
  ],
  [
    'a token that lives for another time',
    async () => {
      const subject = await idOf(await newAppToken(server, user));
      return {
        request: asked('PATCH', `/api/v1/app_tokens/${subject}`, { seconds_until_expire: 60 }, user.headers),
        status: 200,
        leaves: async () => {
          const [row] = await database.query<{ expires_at: Date }>('SELECT expires_at FROM tokens WHERE id = $1', [
            subject,
          ]);
          const details = { kind: 'app', account: user.id, expires_at: row?.expires_at.toISOString() };
          return [{ kind: 'token.expiry_changed', ...(await by(user)), subject, details }];
        },
      };
    },
  ],
  ['a token of a user’s that an admin deletes', tokenChange('token.deleted', 'DELETE')],
  [
    'a token that is deleted on behalf of its user',
    async () => {
      const subject = await idOf(await newAppToken(server, user));
      const headers = tokenHeaders(admin.appToken, await oboToken(server, admin, user.id));
      const row = { ...(await by(admin)), on_behalf_of: user.id, subject, details: { kind: 'app', account: user.id } };
      return {
        request: asked('DELETE', `/api/v1/app_tokens/${subject}`, undefined, headers),
        status: 204,
        leaves: () => [{ kind: 'token.deleted', ...row }],
      };
    },
  ],
  [
    'an API token that an application makes',
    async () => {
      const body = { account_id: 'GATEWAY_1', description: 'The till' };
      const app_token = await appTokenOf(admin);
      return {
        request: asked('POST', '/v1/frontend/auth', body, { 'app-token': admin.appToken }),
        status: 200,
        leaves: async (answer) => {
          const details = { kind: 'api', gateway_account: 'GATEWAY_1' };
          return [{ kind: 'token.issued', app_token, subject: await idOf(answer.body.token as string), details }];
        },
      };
    },
  ],
  [
    'an API token that the network lets somebody make',
    () => {
      const body = { account_id: 'GATEWAY_1', description: 'The till' };
      return Promise.resolve({
        request: { at: strict, method: 'POST', path: '/v1/frontend/auth', body },
        status: 200,
        leaves: async (answer) => {
          const details = { kind: 'api', gateway_account: 'GATEWAY_1' };
          return [{ kind: 'token.issued', subject: await idOf(answer.body.token as string), details }];
        },
      });
    },
  ],
  [
    'an API token that is described',
    async () => {
      const subject = await idOf(await newApiToken(server, admin.appToken, 'GATEWAY_1'));
      const row = {
        app_token: await appTokenOf(admin),
        subject,
        details: { kind: 'api', gateway_account: 'GATEWAY_1' },
      };
      const body = { token_link: subject, description: 'another' };
      return {
        request: asked('PUT', '/v1/frontend/auth', body, { 'app-token': admin.appToken }),
        status: 200,
        leaves: () => [{ kind: 'token.described', ...row }],
      };
    },
  ],
  [
    'an API token that is revoked by itself',
    async () => {
      const token = await newApiToken(server, admin.appToken, 'GATEWAY_1');
      const details = { kind: 'api', gateway_account: 'GATEWAY_1' };
      const row = { app_token: await appTokenOf(admin), subject: await idOf(token), details };
      return {
        request: asked('DELETE', '/v1/frontend/auth/GATEWAY_1', { token }, { 'app-token': admin.appToken }),
        status: 200,
        leaves: () => [{ kind: 'token.revoked', ...row }],
      };
    },
  ],
  [
    'all API tokens of an account, revoked',
    async () => {
      const subject = `GATEWAY ${randomUUID()}`;
      for (let made = 0; made < 3; made += 1) await newApiToken(server, admin.appToken, subject);
      const row = { app_token: await appTokenOf(admin), subject, details: { count: 3 } };
      const path = `/v1/frontend/auth/${encodeURIComponent(subject)}/revoke-all`;
      return {
        request: asked('DELETE', path, undefined, { 'app-token': admin.appToken }),
        status: 200,
        leaves: () => [{ kind: 'token.all_revoked', ...row }],
      };
    },
  ],
  [
    'an access token of a client',
    () =>
      Promise.resolve({
        request: {
          method: 'POST',
          path: '/oauth/token',
          body: form({ grant_type: 'client_credentials', scope: 'accounts:read' }),
          headers: client.basic,
        },
        status: 200,
        leaves: async ({ body }) => {
          const details = { kind: 'oauth', scopes: ['accounts:read'] };
          return [
            { kind: 'token.issued', client: client.id, subject: await idOf(body.access_token as string), details },
          ];
        },
      }),
  ],
  [
    'an access token that its client revokes',
    async () => {
      const token = await newAccessToken(server, client);
      const row = { client: client.id, subject: await idOf(token) };
      return {
        request: { method: 'POST', path: '/oauth/revoke', body: form({ token }), headers: client.basic },
        status: 200,
        leaves: () => [{ kind: 'token.revoked', ...row }],
      };
    },
  ],

  // Clients.
  [
    'a client that is made',
    () =>
      Promise.resolve({
        request: asked('POST', '/api/v1/oauth_clients/', { name: 'test', scopes: ['identifications'] }),
        status: 201,
        leaves: async ({ body: { id } }) => {
          const row = { subject: id as string, details: { scopes: ['identifications'], owner: admin.id } };
          return [{ kind: 'oauth_client.created', ...(await by(admin)), ...row }];
        },
      }),
  ],
  [
    'a client that is changed',
    oauthClientChange(
      'oauth_client.changed',
      () => ({ method: 'PATCH', body: { scopes: ['accounts:read'] }, status: 200 }),
      () => ({ scopes: ['accounts:read'] }),
    ),
  ],
  ['a client that is deleted', oauthClientChange('oauth_client.deleted', () => ({ method: 'DELETE' }))],
  [
    'a client of which all tokens are ended',
    changing('oauth_client.revoked', async () => {
      const { id, secret } = await newOauthClient();
      await newAccessToken(server, { id, secret, basic: basic(id, secret) });
      return { request: asked('POST', `/api/v1/oauth_clients/${id}/revoke`), subject: id };
    }),
  ],
  [
    'a second secret of a client',
    async () => {
      const { id } = await newOauthClient();
      return {
        request: asked('POST', `/api/v1/oauth_clients/${id}/secrets`),
        status: 201,
        leaves: async ({ body }) => {
          const details = { secret: (body.secrets as { id: string }[]).at(-1)?.id };
          return [{ kind: 'oauth_client.secret_added', ...(await by(admin)), subject: id, details }];
        },
      };
    },
  ],
  [
    'a secret of a client that is deleted',
    oauthClientChange(
      'oauth_client.secret_deleted',
      ({ secretId }) => ({ method: 'DELETE', path: `/secrets/${secretId}` }),
      ({ secretId }) => ({ secret: secretId }),
    ),
  ],

  // What admins look at.
  [
    'searching for accounts',
    reading(
      () => `/api/v1/accounts/?email=${encodeURIComponent(user.email)}&role=user`,
      'account.listed',
      () => ({ details: { filters: expect.arrayContaining(['email', 'role']) } }),
    ),
  ],
  [
    'looking at an account',
    reading(
      () => `/api/v1/accounts/${user.id}`,
      'account.read',
      () => ({ subject: user.id }),
    ),
  ],
  [
    'looking at the sessions of an account',
    reading(
      () => `/api/v1/accounts/${user.id}/sessions`,
      'session.listed',
      () => ({ subject: user.id }),
    ),
  ],
  [
    'looking at a session',
    async () => {
      const { id, token } = await newAccount();
      const session = claimsOf(token).sid;
      const row = () => ({ subject: id, details: { session } });
      return reading(() => `/api/v1/accounts/${id}/sessions/${session}`, 'session.read', row)();
    },
  ],
  ['looking at the clients', reading(() => '/api/v1/oauth_clients/', 'oauth_client.listed')],
  [
    'looking at a client',
    reading(
      () => `/api/v1/oauth_clients/${client.id}`,
      'oauth_client.read',
      () => ({ subject: client.id }),
    ),
  ],
  [
    'looking at the tokens',
    reading(
      () => '/api/v1/tokens/',
      'token.listed',
      () => ({ details: { kind: 'user' } }),
    ),
  ],
  [
    'looking at a token',
    reading(
      () => `/api/v1/tokens/${user.token}`,
      'token.read',
      async () => ({ subject: await idOf(user.token) }),
    ),
  ],
  [
    'looking at the audit log',
    reading(
      () => `${AUDIT}?actor=${user.id}&kind=sign_in&outcome=failure`,
      'audit.read',
      () => ({ details: { actor: user.id, kind: 'sign_in', outcome: 'failure' } }),
    ),
  ],
  [
    'looking for a secret in the audit log',
    reading(
      () => {
        const [one, other] = [newPassword().replaceAll(' ', '-'), user.token];
        secrets.set(one, 'a filter');
        return `${AUDIT}?actor=${one}&subject=${other}`;
      },
      'audit.read',
      () => ({ details: { actor: '…', subject: '…' } }),
    ),
  ],

  // Refusals.
  [
    'what only admins may',
    async () => {
      const details = { method: 'GET', route: '/api/v1/accounts' };
      const row = { outcome: 'refused', ...(await by(user)), details } as const;
      return {
        request: asked('GET', '/api/v1/accounts/', undefined, user.headers),
        status: 403,
        leaves: () => [{ kind: 'access.refused', ...row }],
      };
    },
  ],
  [
    'what only admins may, on behalf of a user',
    async () => {
      const headers = tokenHeaders(admin.appToken, await oboToken(server, admin, user.id));
      const details = { method: 'DELETE', route: '/api/v1/accounts/:id' };
      const row = { outcome: 'refused', ...(await by(admin)), on_behalf_of: user.id, details } as const;
      return {
        request: asked('DELETE', `/api/v1/accounts/${user.id}`, undefined, headers),
        status: 403,
        leaves: () => [{ kind: 'access.refused', ...row }],
      };
    },
  ],
  [
    'a scope that an application does not have',
    async () => {
      const details = { method: 'POST', route: '/v1/frontend/auth' };
      const row = { outcome: 'refused', app_token: await appTokenOf(user), details } as const;
      return {
        request: asked('POST', '/v1/frontend/auth', { account_id: '1' }, { 'app-token': user.appToken }),
        status: 403,
        leaves: () => [{ kind: 'access.refused', ...row }],
      };
    },
  ],
  [
    'a scope that a client does not have',
    async () => {
      const { id, basic: headers } = await newClient(server, { scopes: ['accounts:read'] });
      const details = { method: 'POST', route: '/api/accounts' };
      return {
        request: asked('POST', '/api/accounts', {}, headers),
        status: 403,
        leaves: () => [{ kind: 'access.refused', outcome: 'refused', client: id, details }],
      };
    },
  ],
  [
    'a visitor who has come back from the WAYF page',
    async () => {
      const { id: subject, email, password } = await newAccount();
      const visitor = { ip: '198.51.100.251', url: 'https://publisher.example/read', user_agent: 'example' };
      const { body } = await server.call('POST', '/api/identifications', visitor, client.basic);
      const form = new URLSearchParams({ institution: 'none', email, password }).toString();
      const { headers } = await server.call('POST', `/wayf/${body.id as string}`, form, {
        'content-type': 'application/x-www-form-urlencoded',
        origin: 'http://latchkey.test',
      });
      const url = headers.get('location') ?? '';
      const details = { identification: url.split('=')[1] };
      return {
        request: asked('POST', '/api/identifications', { ...visitor, url }, client.basic),
        status: 201,
        leaves: () => [{ kind: 'identification.returned', client: client.id, subject, details }],
      };
    },
  ],
  [
    'a person whom a client knows, and would delete',
    async () => {
      const { id, email } = await newAccount();
      await server.call('POST', '/api/identifications', { ip: '198.51.100.250', url: '/', email }, client.basic);
      const details = { method: 'DELETE', route: '/api/accounts/:id' };
      return {
        request: asked('DELETE', `/api/accounts/${id}`, undefined, client.basic),
        status: 403,
        leaves: () => [{ kind: 'access.refused', outcome: 'refused', client: client.id, details }],
      };
    },
  ],
];

theTrailHas(ACTS, 'admins and clients');
theWholeTrailHoldsNoSecret({
  rows: 80,
  secrets: 55,
  names: ['password', 'app-token', 'token', 'client_secret', 'authorization', 'app_token', 'access_token', 'a filter'],
});

everyAnswerIsDescribed();
