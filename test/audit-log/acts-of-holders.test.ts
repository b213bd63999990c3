import { expect } from '@jest/globals';
import { SecretKeys, type KeyPurpose } from '../../src/keys/secret-keys.js';
import {
  type Acts,
  appTokenOf,
  asked,
  client,
  database,
  everyAnswerIsDescribed,
  form,
  idOf,
  newAccount,
  newOrganisation,
  newPassword,
  newRequestId,
  type Request,
  secrets,
  send,
  server,
  strict,
  theTrailHas,
  theWholeTrailHoldsNoSecret,
  user,
  VISIT,
  withTrail,
} from '../support/audit-log.js';
import { basic } from '../support/oauth.js';
import { bearer, claimsOf, newEmail, shouted, signUp } from '../support/server.js';

withTrail();

const signed = (purpose: KeyPurpose, id: string) => server.app.get(SecretKeys).sign(purpose, id);

/** @returns a token of the mail that answers a request for a new password */
async function resetToken({ id, email }: { id: string; email: string }): Promise<{ reset: string; token: string }> {
  expect((await server.call('POST', '/account/password', { account: { email } })).status).toBe(200);
  const [row] = await database.query<{ id: string }>('SELECT id FROM password_resets WHERE account_id = $1', [id]);
  return { reset: row?.id ?? '', token: signed('password-reset', row?.id ?? '') };
}

/** @returns the token of the mail about an email of an account */
async function emailToken(accountId: string, purpose: 'verify' | 'undo'): Promise<string> {
  const [row] = await database.query<{ id: string }>(
    'SELECT id FROM email_links WHERE account_id = $1 AND purpose = $2',
    [accountId, purpose],
  );
  return signed(purpose === 'verify' ? 'email-verification' : 'email-undo', row?.id ?? '');
}

async function newWayfPage(): Promise<string> {
  const { status, body } = await server.call('POST', '/api/identifications', VISIT, client.basic);
  expect(status).toBe(201);
  return `/wayf/${body.id as string}`;
}

const OUR_PAGE = { 'sec-fetch-site': 'same-origin' };

async function reset(account: { id: string; email: string }, password: string): Promise<Request & { reset: string }> {
  const { token, reset } = await resetToken(account);
  const body = { account: { password, reset_password_token: token } };
  return { method: 'PUT', path: '/account/password', body, reset };
}

const refresh = (refresh_token: string): Request => ({
  method: 'PUT',
  path: '/account/session',
  body: { account: { refresh_token, remember_me: true } },
});

/** All that is done by whoever signs up, signs in or has an account; each is to leave just these rows. */
const ACTS: Acts = [
  // Sign-up, sign-in and out.
  [
    'signing up',
    () => {
      const account = { email: newEmail(), password: newPassword() };
      return Promise.resolve({
        request: { method: 'POST', path: '/accounts', body: { account } },
        status: 201,
        leaves: ({ body }) => {
          const { id } = claimsOf(body.token as string).data;
          return [{ kind: 'account.created', account: id, subject: id, email: account.email }];
        },
      });
    },
  ],
  [
    'signing up with an email that is taken',
    () => {
      const account = { email: shouted(user.email), password: newPassword() };
      return Promise.resolve({
        request: { method: 'POST', path: '/accounts', body: { account } },
        status: 409,
        leaves: () => [{ kind: 'account.created', outcome: 'failure', email: account.email }],
      });
    },
  ],
  [
    'signing up where nobody does',
    () => {
      const account = { email: newEmail(), password: newPassword() };
      return Promise.resolve({
        request: { at: strict, method: 'POST', path: '/accounts', body: { account } },
        status: 403,
        leaves: () => [{ kind: 'account.created', outcome: 'refused', email: account.email }],
      });
    },
  ],
  [
    'signing in to a session',
    async () => {
      const { id, email, password } = await newAccount();
      return {
        request: { method: 'POST', path: '/account/session', body: { account: { email, password } } },
        status: 200,
        leaves: ({ body }) => {
          const session = claimsOf(body.token as string).sid;
          return [{ kind: 'sign_in', account: id, subject: id, details: { session } }];
        },
      };
    },
  ],
  [
    'a wrong password for a session',
    async () => {
      const { id, email } = await newAccount();
      const account = { email: shouted(email), password: newPassword() };
      return {
        request: { method: 'POST', path: '/account/session', body: { account } },
        status: 401,
        leaves: () => [{ kind: 'sign_in', outcome: 'failure', subject: id, email: account.email }],
      };
    },
  ],
  [
    'an unknown email',
    () => {
      const account = { email: newEmail(), password: newPassword() };
      return Promise.resolve({
        request: { method: 'POST', path: '/account/session', body: { account } },
        status: 401,
        leaves: () => [{ kind: 'sign_in', outcome: 'failure', email: account.email }],
      });
    },
  ],
  [
    'signing in with an email that is not verified',
    async () => {
      const { id, email, password } = await newAccount();
      return {
        request: { at: strict, method: 'POST', path: '/account/session', body: { account: { email, password } } },
        status: 403,
        leaves: () => [{ kind: 'sign_in', outcome: 'refused', subject: id, details: { reason: 'unverified' } }],
      };
    },
  ],
  [
    'logging in at an application',
    async () => {
      const { id, email, password } = await newAccount();
      const headers = { 'app-token': user.appToken };
      return {
        request: { method: 'POST', path: '/api/v1/token/', body: { username: email, password }, headers },
        status: 200,
        leaves: async ({ body }) => {
          const details = { token: await idOf(body.token as string) };
          return [{ kind: 'sign_in', account: id, app_token: await appTokenOf(user), subject: id, details }];
        },
      };
    },
  ],
  [
    'a wrong password at an application',
    async () => {
      const { id, email } = await newAccount();
      const body = { username: email, password: newPassword() };
      const row = { outcome: 'failure', app_token: await appTokenOf(user), subject: id, email } as const;
      return {
        request: { method: 'POST', path: '/api/v1/token/', body, headers: { 'app-token': user.appToken } },
        status: 401,
        leaves: () => [{ kind: 'sign_in', ...row }],
      };
    },
  ],
  [
    'a password in the place of the email',
    async () => {
      const body = { username: newPassword(), password: newPassword() };
      const app_token = await appTokenOf(user);
      secrets.set(body.username, 'username');
      return {
        request: { method: 'POST', path: '/api/v1/token/', body, headers: { 'app-token': user.appToken } },
        status: 401,
        leaves: () => [{ kind: 'sign_in', outcome: 'failure', app_token }],
      };
    },
  ],
  [
    'signing in on the WAYF page',
    async () => {
      const { id, email, password } = await newAccount();
      const body = form({ email, password, institution: 'none' });
      return {
        request: { method: 'POST', path: await newWayfPage(), body, headers: OUR_PAGE },
        status: 303,
        leaves: ({ headers }) => {
          const identification = new URL(headers.get('location') ?? '').searchParams.get('identification');
          return [{ kind: 'sign_in', account: id, subject: id, details: { identification } }];
        },
      };
    },
  ],
  [
    'a wrong password on the WAYF page',
    async () => {
      const { id, email } = await newAccount();
      const body = form({ email, password: newPassword(), institution: 'none' });
      return {
        request: { method: 'POST', path: await newWayfPage(), body, headers: OUR_PAGE },
        status: 422,
        leaves: () => [{ kind: 'sign_in', outcome: 'failure', subject: id, email }],
      };
    },
  ],
  [
    'an account of another institution on the WAYF page',
    async () => {
      const { id, email, password } = await newAccount();
      const institution = await newOrganisation();
      const body = form({ email, password, institution });
      return {
        request: { method: 'POST', path: await newWayfPage(), body, headers: OUR_PAGE },
        status: 422,
        leaves: () => [{ kind: 'sign_in', outcome: 'refused', subject: id, details: { institution } }],
      };
    },
  ],
  [
    'a wrong client secret, as Basic',
    () =>
      Promise.resolve({
        request: { method: 'GET', path: '/api/accounts', headers: basic(client.id, newPassword()) },
        status: 401,
        leaves: () => [{ kind: 'sign_in', outcome: 'failure', subject: client.id }],
      }),
  ],
  [
    'a wrong client secret, in a form',
    () => {
      const fields = { grant_type: 'client_credentials', client_id: client.id, client_secret: newPassword() };
      return Promise.resolve({
        request: { method: 'POST', path: '/oauth/token', body: form(fields) },
        status: 401,
        leaves: () => [{ kind: 'sign_in', outcome: 'failure', subject: client.id }],
      });
    },
  ],
  [
    'a client secret in the place of the id',
    () =>
      Promise.resolve({
        request: { method: 'POST', path: '/oauth/token', headers: basic(client.secret, client.id) },
        status: 401,
        leaves: () => [{ kind: 'sign_in', outcome: 'failure' }],
      }),
  ],
  [
    'signing out',
    async () => {
      const { id, token } = await newAccount();
      return {
        request: asked('DELETE', '/account/session', undefined, bearer(token)),
        status: 200,
        leaves: () => [{ kind: 'sign_out', account: id, subject: id }],
      };
    },
  ],
  [
    'the last wrong password that costs no time',
    async () => {
      const { id, email } = await newAccount();
      const account = { email, password: newPassword() };
      const request = { method: 'POST', path: '/account/session', body: { account } };
      for (let attempt = 1; attempt < server.config.loginMaxFailures; attempt += 1) await send(request, newRequestId());
      return {
        request,
        status: 401,
        leaves: () => [
          { kind: 'sign_in', outcome: 'failure', subject: id, email },
          { kind: 'sign_in.locked', outcome: 'refused', subject: id, details: { place: 'address' } },
        ],
      };
    },
  ],
  [
    'one mail too many',
    async () => {
      const { email } = await newAccount();
      const request = { method: 'POST', path: '/account/password', body: { account: { email } } };
      await send(request, newRequestId());
      return {
        request,
        status: 200,
        leaves: () => [{ kind: 'limit.reached', outcome: 'refused', subject: 'reset' }],
      };
    },
  ],

  // Sessions, emails, passwords and the language of one's own.
  [
    'changing the language of one’s own mails',
    async () => {
      const { id, token } = await newAccount();
      return {
        request: asked('PATCH', '/account', { account: { locale: 'de' } }, bearer(token)),
        status: 200,
        leaves: () => [{ kind: 'account.changed', account: id, subject: id, details: { fields: ['locale'] } }],
      };
    },
  ],
  [
    'ending a session of one’s own',
    async () => {
      const { id, email, password, token } = await newAccount();
      const other = await server.call('POST', '/account/session', { account: { email, password } });
      const session = claimsOf(other.body.token as string).sid;
      return {
        request: asked('DELETE', `/account/sessions/${session}`, undefined, bearer(token)),
        status: 204,
        leaves: () => [{ kind: 'session.ended', account: id, subject: id, details: { session } }],
      };
    },
  ],
  [
    'showing a refresh token again late',
    async () => {
      const { id, token, refreshToken } = await newAccount({ remember: true });
      const session = claimsOf(token).sid;
      await send(refresh(refreshToken), newRequestId());
      await database.query(
        `UPDATE sessions SET refreshed_at = now() - interval '11 seconds', address = '192.0.2.9' WHERE id = $1`,
        [session],
      );
      const details = { session, earlier_address: '192.0.2.9', late_showings: 1 };
      return {
        request: refresh(refreshToken),
        status: 200,
        leaves: () => [{ kind: 'session.refreshed_late', subject: id, details }],
      };
    },
  ],
  [
    'using a refresh token again after the next one',
    async () => {
      const { id, token, refreshToken } = await newAccount({ remember: true });
      const next = await send(refresh(refreshToken), newRequestId());
      await send(refresh(next.body.refresh_token as string), newRequestId());
      const details = { session: claimsOf(token).sid };
      return {
        request: refresh(refreshToken),
        status: 401,
        leaves: () => [{ kind: 'session.reused', outcome: 'refused', subject: id, details }],
      };
    },
  ],
  [
    'showing a refresh token of a session that has ended',
    async () => {
      const { id, token, refreshToken } = await signUp(server, { remember: true });
      const session = claimsOf(token).sid;
      await database.query('UPDATE sessions SET revoked_at = now() WHERE id = $1', [session]);
      const row = { kind: 'session.refresh_refused', outcome: 'refused', subject: id } as const;
      return {
        request: refresh(refreshToken),
        status: 401,
        leaves: () => [{ ...row, details: { session, reason: 'ended' } }],
      };
    },
  ],
  [
    'showing what is no refresh token of ours',
    async () => {
      const { refreshToken } = await signUp(server, { remember: true });
      const row = { kind: 'session.refresh_refused', outcome: 'refused' } as const;
      return {
        request: refresh(`${refreshToken.slice(0, -1)}${refreshToken.endsWith('A') ? 'B' : 'A'}`),
        status: 401,
        leaves: () => [{ ...row, details: { reason: 'invalid' } }],
      };
    },
  ],
  [
    'asking for somebody else’s account',
    async () => {
      const [{ id, token }, other] = [await newAccount(), await newAccount()];
      const details = { method: 'GET', route: '/accounts/:id', status: 404 };
      return {
        request: asked('GET', `/accounts/${other.id}`, undefined, bearer(token)),
        status: 404,
        leaves: () => [{ kind: 'access.refused', outcome: 'refused', account: id, subject: other.id, details }],
      };
    },
  ],
  [
    'changing one’s password and email',
    async () => {
      const { id, token } = await newAccount();
      const account = { email: newEmail(), password: newPassword() };
      const row = { account: id, subject: id };
      return {
        request: asked('PUT', `/accounts/${id}`, { account }, bearer(token)),
        status: 200,
        leaves: () => [
          { kind: 'account.credentials_changed', ...row },
          { kind: 'account.email_changed', ...row, email: account.email },
        ],
      };
    },
  ],
  [
    'verifying one’s email',
    async () => {
      const { id, email, password } = await newAccount();
      await strict.call('POST', '/account/email', { account: { email } });
      const account = { verify_email_token: await emailToken(id, 'verify'), password };
      return {
        request: { at: strict, method: 'PUT', path: '/account/email', body: { account } },
        status: 200,
        leaves: () => [{ kind: 'account.email_verified', account: id, subject: id }],
      };
    },
  ],
  [
    'undoing a change of email',
    async () => {
      const { id, email, token } = await newAccount();
      const changed = { account: { email: newEmail(), password: newPassword() } };
      await server.call('PUT', `/accounts/${id}`, changed, bearer(token));
      const account = { undo_email_token: await emailToken(id, 'undo') };
      return {
        request: { method: 'PUT', path: '/account/email/undo', body: { account } },
        status: 200,
        leaves: () => [
          { kind: 'account.email_change_undone', account: id, subject: id, email },
          { kind: 'password_reset.requested', subject: id, email, details: { reset: expect.any(String) } },
        ],
      };
    },
  ],
  [
    'a link about an email that has been used',
    async () => {
      const { id, email, password } = await newAccount();
      await strict.call('POST', '/account/email', { account: { email } });
      const account = { verify_email_token: await emailToken(id, 'verify'), password };
      const request = { at: strict, method: 'PUT', path: '/account/email', body: { account } };
      expect((await send(request, newRequestId())).status).toBe(200);
      const [row] = await database.query<{ id: string }>('SELECT id FROM email_links WHERE account_id = $1', [id]);
      const details = { link: row?.id };
      return {
        request,
        status: 422,
        leaves: () => [{ kind: 'account.email_verified', outcome: 'failure', details }],
      };
    },
  ],
  [
    'asking for another mail to verify an email',
    async () => {
      const { id, email } = await newAccount();
      return {
        request: { at: strict, method: 'POST', path: '/account/email', body: { account: { email } } },
        status: 200,
        leaves: () => [{ kind: 'account.verification_requested', subject: id, email }],
      };
    },
  ],
  [
    'asking for one mail too many',
    async () => {
      const { id, email } = await newAccount();
      await resetToken({ id, email });
      return {
        request: { method: 'POST', path: '/account/password', body: { account: { email } } },
        status: 200,
        leaves: () => [{ kind: 'limit.reached', outcome: 'refused', subject: 'reset' }],
      };
    },
  ],
  [
    'asking for a new password',
    async () => {
      const { id, email } = await newAccount();
      return {
        request: { method: 'POST', path: '/account/password', body: { account: { email } } },
        status: 200,
        leaves: async () => {
          const [row] = await database.query<{ id: string }>('SELECT id FROM password_resets WHERE account_id = $1', [
            id,
          ]);
          return [{ kind: 'password_reset.requested', subject: id, email, details: { reset: row?.id } }];
        },
      };
    },
  ],
  [
    'asking for a new password for nobody',
    () => {
      const email = newEmail();
      return Promise.resolve({
        request: { method: 'POST', path: '/account/password', body: { account: { email } } },
        status: 200,
        leaves: () => [{ kind: 'password_reset.requested', email, details: { reset: expect.any(String) } }],
      });
    },
  ],
  [
    'choosing a new password',
    async () => {
      const account = await newAccount();
      const { reset: id, ...request } = await reset(account, newPassword());
      const row = { account: account.id, subject: account.id, details: { reset: id } };
      return { request, status: 200, leaves: () => [{ kind: 'password_reset.redeemed', ...row }] };
    },
  ],
  [
    'a link to choose a password that has been used',
    async () => {
      const { reset: id, ...request } = await reset(await newAccount(), newPassword());
      expect((await send(request, newRequestId())).status).toBe(200);
      const row = { outcome: 'failure', details: { reset: id } } as const;
      return { request, status: 422, leaves: () => [{ kind: 'password_reset.redeemed', ...row }] };
    },
  ],
];

theTrailHas(ACTS, 'holders');

theWholeTrailHoldsNoSecret({
  rows: 70,
  secrets: 75,
  names: [
    'password',
    'app-token',
    'token',
    'client_secret',
    'access_token',
    'username',
    'authorization',
    'refresh_token',
    'verify_email_token',
    'undo_email_token',
    'reset_password_token',
  ],
});

everyAnswerIsDescribed();
