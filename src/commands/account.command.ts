import type { INestApplicationContext, Type } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import { OPERATOR } from '../access/principal.js';
import {
  AccountChanges,
  AccountFilter,
  NewAccountBody,
  toAdminAccountView,
} from '../account-admin/account-admin.dto.js';
import { AccountAdminModule } from '../account-admin/account-admin.module.js';
import { AccountAdmin } from '../account-admin/account-admin.service.js';
import type { AdminAccount } from '../account-admin/account-admin.store.js';
import { findNamedAccount, type NamedAccount } from '../accounts/named-accounts.js';
import { CONFIG, type Config } from '../config/config.js';
import { writeCursor, type Page } from '../http/cursor.js';
import { RequestValidation } from '../http/request-validation.js';
import { PasswordResetsModule } from '../password-resets/password-resets.module.js';
import { PasswordResets } from '../password-resets/password-resets.service.js';
import { confirm, readSecret } from './asking.js';
import { withContext } from './command-context.js';
import { json, NotFoundError } from './running.js';
import { card, table, timeOf } from './table.js';

interface Answer {
  json?: boolean;
}

/** What may be asked back. */
export interface Destructive extends Answer {
  yes?: boolean;
}

export interface NewAccountOptions extends Answer {
  name?: string;
  role?: 'admin' | 'user';
  organisation?: boolean;
  publisherReference?: string;
  locale?: string;
  alias?: string[];
  network?: string[];
  emailDomain?: string[];
  allowWide?: boolean;
  passwordFile?: string | true;
  invite?: boolean;
}

export interface ListOptions extends Answer {
  email?: string;
  name?: string;
  role?: 'admin' | 'user';
  disabled?: boolean;
  enabled?: boolean;
  people?: boolean;
  organisations?: boolean;
  limit: number;
}

/** Runs what needs accounts, in the database of the settings. */
function withAccounts<T>(signal: AbortSignal, work: (context: INestApplicationContext) => Promise<T>): Promise<T> {
  return withContext(signal, [AccountAdminModule, PasswordResetsModule], work);
}

/** @throws NotFoundError */
export async function accountNamed(context: INestApplicationContext, named: string): Promise<NamedAccount> {
  const account = await findNamedAccount(context.get(EntityManager), named);
  if (!account) throw new NotFoundError('There is no such account. Specify it by its id, legacy_id or email.');
  return account;
}

/** Checks what was given as the routes do. @throws ApiError `invalid_params` */
export async function checked<T extends object>(
  context: INestApplicationContext,
  type: Type<T>,
  fields: object,
): Promise<T> {
  const validation = new RequestValidation(context.get<Config>(CONFIG), context.get(EntityManager));
  return (await validation.transform({ ...fields }, { type: 'body', metatype: type })) as T;
}

/** Makes an account: with the password that was given, an invitation, or a link to choose a password. */
export async function createAccount(
  signal: AbortSignal,
  email: string | undefined,
  options: NewAccountOptions,
): Promise<string> {
  const { passwordFile: file, invite = false } = options;
  const password = file === undefined ? undefined : await readSecret('Password', file === true ? undefined : file);
  return withAccounts(signal, async (context) => {
    const body = await checked(context, NewAccountBody, {
      ...(email !== undefined && { email }),
      ...(password !== undefined && { password }),
      ...(options.name !== undefined && { name: options.name }),
      ...(options.role && { role: options.role }),
      ...(options.publisherReference !== undefined && { publisher_reference: options.publisherReference }),
      ...(options.locale !== undefined && { locale: options.locale }),
      ...(options.alias && { aliases: options.alias }),
      ...(options.network && { networks: options.network }),
      ...(options.emailDomain && { email_domains: options.emailDomain }),
      ...(options.allowWide && { allow_wide: true }),
      individual: !options.organisation,
    });
    const account = await context.get(AccountAdmin).create(OPERATOR, body, { isInvited: invite });
    const isLinked = email !== undefined && password === undefined && !invite;
    const made = isLinked ? await context.get(PasswordResets).makeLink(account.id) : undefined;
    if (options.json) return json(Object.assign(toAdminAccountView(account), linkView(made)));
    const how = made ? linkText(made) : invite ? 'The server mails an invitation.\n' : '';
    return `Created.\n\n${cardOf(account)}${how && `\n${how}`}`;
  });
}

export async function showAccount(signal: AbortSignal, named: string, options: Answer): Promise<string> {
  return withAccounts(signal, async (context) => {
    const { id } = await accountNamed(context, named);
    return shown(await context.get(AccountAdmin).get(OPERATOR, id), options);
  });
}

/** Lists accounts, newest first. */
export async function listAccounts(signal: AbortSignal, options: ListOptions): Promise<string> {
  return withAccounts(signal, async (context) => {
    const filter = await checked(context, AccountFilter, {
      ...(options.email !== undefined && { email: options.email }),
      ...(options.name !== undefined && { name: options.name }),
      ...(options.role && { role: options.role }),
      ...((options.disabled ?? options.enabled) && { disabled: options.disabled ? 'true' : 'false' }),
      ...((options.people ?? options.organisations) && { individual: options.people ? 'true' : 'false' }),
    });
    const accounts = await pages(options.limit, (cursor) =>
      context.get(AccountAdmin).list(OPERATOR, cursor === undefined ? filter : Object.assign(filter, { cursor })),
    );
    if (options.json) return json(accounts.map(toAdminAccountView));
    const rows = accounts.map((one) => [one.id, one.email, one.name, one.role, stateOf(one), one.createdAt]);
    return table(['ID', 'EMAIL', 'NAME', 'ROLE', 'STATE', 'CREATED'], rows);
  });
}

/** Gathers what comes in pages. */
export async function pages<T>(limit: number, read: (cursor: string | undefined) => Promise<Page<T>>): Promise<T[]> {
  const all: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await read(cursor);
    all.push(...page.records);
    cursor = page.next && writeCursor(page.next);
  } while (cursor !== undefined && all.length < limit);
  return all.slice(0, limit);
}

export async function disableAccount(signal: AbortSignal, named: string, options: Destructive): Promise<string> {
  await confirm(`${named} can no longer sign in, and all its sessions and tokens end.`, options);
  return change(signal, named, options, { disabled: true });
}

export function enableAccount(signal: AbortSignal, named: string, options: Answer): Promise<string> {
  return change(signal, named, options, { disabled: false });
}

async function change(signal: AbortSignal, named: string, options: Answer, changes: Partial<AccountChanges>) {
  return withAccounts(signal, async (context) => {
    const { id } = await accountNamed(context, named);
    return shown(await context.get(AccountAdmin).update(OPERATOR, id, changes), options);
  });
}

/** Ends everything that an account has open; it can sign in again. */
export async function revokeAccount(signal: AbortSignal, named: string, options: Destructive): Promise<string> {
  await confirm(`All sessions and tokens of ${named} end, including its App-Tokens.`, options);
  return withAccounts(signal, async (context) => {
    const { id } = await accountNamed(context, named);
    await context.get(AccountAdmin).revoke(OPERATOR, id, undefined);
    return done({ id, revoked: true }, 'All sessions and tokens of the account have ended.', options);
  });
}

export async function unlockAccount(signal: AbortSignal, named: string, options: Answer): Promise<string> {
  return withAccounts(signal, async (context) => {
    const { id } = await accountNamed(context, named);
    await context.get(AccountAdmin).unlock(OPERATOR, id);
    return done({ id, unlocked: true }, 'Failed sign-ins to the account are forgotten.', options);
  });
}

/** Makes a link with which a new password is chosen, and mails nothing. */
export async function resetPassword(signal: AbortSignal, named: string, options: Answer): Promise<string> {
  return withAccounts(signal, async (context) => {
    const { id } = await accountNamed(context, named);
    const made = await context.get(PasswordResets).makeLink(id);
    return options.json ? json({ id, ...linkView(made) }) : linkText(made);
  });
}

export async function deleteAccount(signal: AbortSignal, named: string, options: Destructive): Promise<string> {
  await confirm(`${named} and all that belongs to it is deleted. This cannot be undone.`, options);
  return withAccounts(signal, async (context) => {
    const { id } = await accountNamed(context, named);
    await context.get(AccountAdmin).remove(OPERATOR, id);
    return done({ id, deleted: true }, 'The account is deleted.', options);
  });
}

interface Link {
  link: string;
  expiresAt: Date;
}

const linkView = (made: Link | undefined) => made && { link: made.link, link_expires_at: made.expiresAt };

const linkText = ({ link, expiresAt }: Link) =>
  `Anyone with this link can choose the password until ${timeOf(expiresAt)}. It works once, and is not shown again:\n\n${link}\n`;

/** What a command answers that shows nothing. */
export const done = (view: object, text: string, { json: isJson }: Answer) => (isJson ? json(view) : `${text}\n`);

const shown = (account: AdminAccount, options: Answer) =>
  options.json ? json(toAdminAccountView(account)) : cardOf(account);

const stateOf = ({ disabledAt, hasPassword, email }: AdminAccount) =>
  disabledAt ? 'disabled' : email === null ? 'no sign-in' : hasPassword ? 'enabled' : 'no password';

function cardOf(account: AdminAccount): string {
  const { legacy_id, disabled_at, ...view } = toAdminAccountView(account);
  return card({
    ...view,
    ...(legacy_id !== null && { legacy_id }),
    state: stateOf(account),
    ...(disabled_at && { disabled_at }),
  });
}
