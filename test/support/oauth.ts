import { randomBytes, randomUUID } from 'node:crypto';
import { EntityManager } from 'typeorm';
import { CLIENT_SCOPE_NAMES } from '../../src/access/client-scopes.js';
import { OauthClients } from '../../src/oauth/oauth-clients.service.js';
import { call, type Answer, type TestServer } from './server.js';

type Headers = Record<string, string>;

/** An OAuth2 client, and how it shows who it is. */
export interface Client {
  id: string;
  secret: string;
  basic: { authorization: string };
}

/** Makes a client as the first start does: nobody answers for it unless an owner is given. */
export async function newClient(
  { app }: TestServer,
  given: { id?: string; secret?: string; scopes?: string[]; ownerId?: string } = {},
): Promise<Client> {
  const { id = randomUUID(), secret = randomBytes(32).toString('base64url') } = given;
  const client = { name: 'test', scopes: CLIENT_SCOPE_NAMES, ...given, id, secret };
  await app.get(OauthClients).add(app.get(EntityManager), client);
  return { id, secret, basic: basic(id, secret) };
}

/** HTTP Basic as RFC 6749 section 2.3.1 has it: both parts are encoded as in a form. */
export function basic(id: string, secret: string): { authorization: string } {
  return rawBasic(`${formEncode(id)}:${formEncode(secret)}`);
}

export function rawBasic(text: string): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(text).toString('base64')}` };
}

function formEncode(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1);
}

/** One POST of a form. A form that is no text is encoded here. */
export function postForm(
  { url }: TestServer,
  path: string,
  form: string | Record<string, string>,
  headers: Headers = {},
): Promise<Answer> {
  const body = typeof form === 'string' ? form : new URLSearchParams(form).toString();
  return call(`${url}${path}`, 'POST', body, { 'content-type': 'application/x-www-form-urlencoded', ...headers });
}

/** @returns an access token */
export async function newAccessToken(server: TestServer, client: Client, scope?: string): Promise<string> {
  const form = { grant_type: 'client_credentials', ...(scope !== undefined && { scope }) };
  const { status, body } = await postForm(server, '/oauth/token', form, client.basic);
  if (status !== 200) throw new Error(`Asking for a token was answered ${status}: ${JSON.stringify(body)}`);
  return (body as { access_token: string }).access_token;
}
