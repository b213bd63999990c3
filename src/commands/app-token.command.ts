import type { INestApplicationContext } from '@nestjs/common';
import { OPERATOR } from '../access/principal.js';
import { NewAppToken, toAppTokenView } from '../app-tokens/app-tokens.dto.js';
import { AppTokensModule } from '../app-tokens/app-tokens.module.js';
import { AppTokens } from '../app-tokens/app-tokens.service.js';
import { isUuid } from '../http/validation.js';
import type { TokenRecord } from '../tokens/token-records.js';
import { accountNamed, checked, done, pages, type Destructive } from './account.command.js';
import { confirm } from './asking.js';
import { withContext } from './command-context.js';
import { json, UsageError } from './running.js';
import { card, table } from './table.js';

export interface NewAppTokenOptions {
  name?: string;
  scope?: string[];
  network?: string[];
  expiresIn?: number;
  json?: boolean;
}

export interface AppTokenListOptions {
  account?: string;
  limit: number;
  json?: boolean;
}

function withAppTokens<T>(signal: AbortSignal, work: (context: INestApplicationContext) => Promise<T>): Promise<T> {
  return withContext(signal, [AppTokensModule], work);
}

/** Makes an App-Token of an account, and shows it once. */
export async function createAppToken(signal: AbortSignal, named: string, options: NewAppTokenOptions): Promise<string> {
  return withAppTokens(signal, async (context) => {
    const { id } = await accountNamed(context, named);
    const body = await checked(context, NewAppToken, {
      ...(options.name !== undefined && { name: options.name }),
      ...(options.scope && { scopes: options.scope }),
      ...(options.network && { networks: options.network }),
      ...(options.expiresIn !== undefined && { seconds_until_expire: options.expiresIn }),
    });
    const { secret, record } = await context.get(AppTokens).createAppTokenFor(id, body);
    if (options.json) return json(Object.assign(toAppTokenView(record), { token: secret }));
    return `${cardOf(record)}\nThe App-Token, which is not shown again:\n\n${secret}\n`;
  });
}

/** Lists App-Tokens, newest first: those of one account, or all. */
export async function listAppTokens(signal: AbortSignal, options: AppTokenListOptions): Promise<string> {
  return withAppTokens(signal, async (context) => {
    const owner = options.account === undefined ? null : (await accountNamed(context, options.account)).id;
    const tokens = await pages(options.limit, (cursor) =>
      context.get(AppTokens).list(OPERATOR, 'app', { ...(cursor !== undefined && { cursor }) }, owner),
    );
    if (options.json) return json(tokens.map(toAppTokenView));
    const rows = tokens.map((one) => [
      ...[one.id, `…${one.hint}`, one.name, one.accountId],
      ...[one.scopes, one.createdAt, one.expiresAt, one.lastUsedAt],
    ]);
    return table(['ID', 'ENDS IN', 'NAME', 'OWNER', 'SCOPES', 'CREATED', 'EXPIRES', 'LAST USED'], rows);
  });
}

/** Ends an App-Token. */
export async function revokeAppToken(
  signal: AbortSignal,
  id: string,
  options: Destructive & { cascade?: boolean },
): Promise<string> {
  if (!isUuid(id)) throw new UsageError('Specify the App-Token by its id, as `latchkey app-token list` shows it.');
  const more = options.cascade ? ', and so do the user tokens that were obtained through it' : '';
  await confirm(`The App-Token ${id} ends${more}.`, options);
  return withAppTokens(signal, async (context) => {
    await context.get(AppTokens).remove(OPERATOR, 'app', id, { cascade: options.cascade ? 'true' : 'false' });
    return done({ id, revoked: true }, 'The App-Token has ended.', options);
  });
}

function cardOf(record: TokenRecord): string {
  const { id, name, owner, scopes, networks, created_at, expires_at } = toAppTokenView(record);
  return card({ id, name, owner, scopes, ...(networks && { networks }), created_at, expires_at });
}
