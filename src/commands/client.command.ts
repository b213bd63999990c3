import type { INestApplicationContext } from '@nestjs/common';
import { OPERATOR } from '../access/principal.js';
import {
  NewOauthClient,
  toNewOauthClientAnswer,
  toOauthClientView,
  type NewSecret,
} from '../oauth/oauth-clients.dto.js';
import { OauthClientsModule } from '../oauth/oauth-clients.module.js';
import { OauthClients } from '../oauth/oauth-clients.service.js';
import type { ClientRecord } from '../oauth/oauth-clients.store.js';
import { accountNamed, checked, done, pages, type Destructive } from './account.command.js';
import { confirm } from './asking.js';
import { withContext } from './command-context.js';
import { json } from './running.js';
import { card, table } from './table.js';

export interface NewClientOptions {
  owner: string;
  scope?: string[];
  json?: boolean;
}

function withClients<T>(signal: AbortSignal, work: (context: INestApplicationContext) => Promise<T>): Promise<T> {
  return withContext(signal, [OauthClientsModule], work);
}

/** Makes an OAuth2 client, and shows its secret once. */
export async function createClient(signal: AbortSignal, name: string, options: NewClientOptions): Promise<string> {
  return withClients(signal, async (context) => {
    const { id: ownerId } = await accountNamed(context, options.owner);
    const { name: read, scopes } = await checked(context, NewOauthClient, { name, scopes: options.scope ?? [] });
    return withSecret(await context.get(OauthClients).create(OPERATOR, { name: read, scopes, ownerId }), options);
  });
}

/** Lists clients, newest first. */
export async function listClients(signal: AbortSignal, options: { limit: number; json?: boolean }): Promise<string> {
  return withClients(signal, async (context) => {
    const clients = await pages(options.limit, (cursor) => context.get(OauthClients).list(OPERATOR, cursor));
    if (options.json) return json(clients.map(toOauthClientView));
    const rows = clients.map((one) => [
      ...[one.id, one.name, one.ownerId, one.scopes],
      ...[one.secrets.length, one.createdAt, lastUse(one), one.expiresAt],
    ]);
    return table(['ID', 'NAME', 'OWNER', 'SCOPES', 'SECRETS', 'CREATED', 'LAST USED', 'EXPIRES'], rows);
  });
}

const lastUse = ({ secrets }: ClientRecord) =>
  secrets
    .map(({ last_used_at }) => last_used_at)
    .filter((at) => at !== null)
    .map((at) => new Date(at))
    .sort((one, other) => Number(other) - Number(one))[0];

/** Adds a second secret to a client, and shows it once; or one instead of all that it has. */
export async function rotateClientSecret(
  signal: AbortSignal,
  id: string,
  options: Destructive & { only?: boolean },
): Promise<string> {
  if (options.only) await confirm(`The current secrets of ${id} are refused from now on.`, options);
  return withClients(signal, async (context) => {
    const clients = context.get(OauthClients);
    const old = options.only ? (await clients.get(OPERATOR, id)).secrets.map((secret) => secret.id) : [];
    // There is room for two. One stays until there is another.
    for (const secret of old.slice(1)) await clients.removeSecret(OPERATOR, id, secret);
    const made = await clients.rotateSecret(OPERATOR, id);
    for (const secret of old.slice(0, 1)) await clients.removeSecret(OPERATOR, id, secret);
    const view = { ...made, client: options.only ? await clients.get(OPERATOR, id) : made.client };
    const isOther = view.client.secrets.length > 1;
    return withSecret(view, options, isOther ? '\nThe earlier secret stays valid until --only ends it.\n' : '');
  });
}

/** Ends the access tokens of a client; its secrets stay. */
export async function revokeClient(signal: AbortSignal, id: string, options: Destructive): Promise<string> {
  await confirm(`The access tokens of ${id} end. Its secrets stay valid.`, options);
  return withClients(signal, async (context) => {
    await context.get(OauthClients).revokeTokens(OPERATOR, id);
    return done({ id, revoked: true }, 'The access tokens of the client have ended.', options);
  });
}

export async function deleteClient(signal: AbortSignal, id: string, options: Destructive): Promise<string> {
  await confirm(`${id} is deleted with its secrets, access tokens and identifications.`, options);
  return withClients(signal, async (context) => {
    await context.get(OauthClients).remove(OPERATOR, id);
    return done({ id, deleted: true }, 'The client is deleted.', options);
  });
}

function withSecret(made: NewSecret, options: { json?: boolean }, more = ''): string {
  if (options.json) return json(toNewOauthClientAnswer(made));
  const { id, name, owner, scopes, created_at } = toOauthClientView(made.client);
  const text = card({ client_id: id, name, owner, scopes, created_at });
  return `${text}\nThe client secret, which is not shown again:\n\n${made.secret}\n${more}`;
}
