import { Inject, Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import type { UserPrincipal } from '../access/principal.js';
import { requireAdmin } from '../access/refusals.js';
import { auditedFields, readFields } from '../accounts/account-fields.js';
import { AccountLists } from '../accounts/account-lists.store.js';
import { AccountStore } from '../accounts/accounts.store.js';
import { EmailLinks } from '../email-links/email-links.service.js';
import { PasswordHasher } from '../passwords/password-hasher.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { CONFIG, type Config } from '../config/config.js';
import { conflict, invalidParams, notFound } from '../errors/api-error.js';
import { pageOf, PAGE_SIZE, readCursor, type Page } from '../http/cursor.js';
import { isUuid } from '../http/validation.js';
import { AccountRevocation, EVERYTHING } from '../revocations/account-revocation.store.js';
import { Revocations } from '../revocations/revocations.service.js';
import { PasswordResets } from '../password-resets/password-resets.service.js';
import { Callers } from '../tokens/callers.service.js';
import { consequencesOf, eventsOf, revokedBy, type Consequences } from './account-admin.changes.js';
import type { AccountChanges, AccountFilter, NewAccountBody } from './account-admin.dto.js';
import { AccountAdminStore, type AccountBefore, type AdminAccount } from './account-admin.store.js';

export const lastAdmin = () => conflict('This is the last enabled admin who can sign in. Create another admin first.');
export const answersForClients = () =>
  conflict('The account owns OAuth2 clients. Transfer them to another admin or delete them first.');
const nameless = () => invalidParams({ name: ['is required for an organisation'] });
const unreachable = () => invalidParams({ email: ['is required for a person'] });
const noInvitations = () => invalidParams({ password: ['is required, as invitations are disabled (SIGNUP=closed)'] });

/** What admins see and do of accounts. Whoever changes one here does it alone: the last admin must stay one. */
@Injectable()
export class AccountAdmin {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly manager: EntityManager,
    private readonly store: AccountAdminStore,
    private readonly lists: AccountLists,
    private readonly accounts: AccountStore,
    private readonly hasher: PasswordHasher,
    private readonly resets: PasswordResets,
    private readonly emailLinks: EmailLinks,
    private readonly callers: Callers,
    private readonly revocations: Revocations,
    private readonly accountRevocation: AccountRevocation,
    private readonly audit: AuditLog,
  ) {}

  /** @returns a page, newest first, and where the next one begins. @throws ApiError `forbidden`, `invalid_params` */
  async list(caller: UserPrincipal, { cursor, ...search }: AccountFilter): Promise<Page<AdminAccount>> {
    requireAdmin(caller);
    const after = readCursor(cursor);
    // Not what was searched for, which may be somebody's name or email.
    const entries = Object.entries(search) as [string, unknown][];
    const filters = entries.filter(([, value]) => value !== undefined).map(([name]) => name);
    await this.audit.recordAlone({ kind: 'account.listed', details: { filters } });
    return pageOf(await this.store.list(search, PAGE_SIZE + 1, after));
  }

  /** @throws ApiError `forbidden`, `not_found` */
  async get(caller: UserPrincipal, id: string): Promise<AdminAccount> {
    requireAdmin(caller);
    const account = await this.find(id);
    await this.audit.recordAlone({ kind: 'account.read', subject: account.id });
    return account;
  }

  /**
   * Makes an account: with a password, or with an invitation that is mailed to it.
   *
   * @throws ApiError `forbidden`, `invalid_params`, `conflict` when the email or the name is taken, `unavailable`
   */
  async create(caller: UserPrincipal, body: NewAccountBody): Promise<AdminAccount> {
    requireAdmin(caller);
    refuseIncomplete(body, this.config);
    const { email = null, password, role = 'user', individual = true } = body;
    const passwordHash = password === undefined ? null : await this.hasher.hash(password);
    const fields = readFields(body);
    const id = await this.manager.transaction(async (tx) => {
      await this.callers.holdUser(tx, caller);
      const account = await this.accounts.create(tx, { ...fields, email, passwordHash, role, individual });
      await this.lists.replace(tx, account.id, fields);
      const details = { role, individual, ...auditedFields(fields) };
      const about = { subject: account.id, ...(email !== null && { email }) };
      await this.audit.record(tx, { kind: 'account.created', ...about, details });
      if (email !== null) await this.writeTo(tx, { id: account.id, email }, passwordHash !== null);
      return account.id;
    });
    this.resets.wake();
    return this.find(id);
  }

  /**
   * Changes what is given. Whoever is disabled or demoted, or whose email or password goes, loses what that would leave
   * open.
   *
   * @throws ApiError `forbidden`, `not_found`, `invalid_params`; `conflict` when the email or the name is taken, or the
   *   last enabled admin would be one no more
   */
  async update(caller: UserPrincipal, id: string, changes: AccountChanges): Promise<AdminAccount> {
    if (Object.values(changes).every((value) => value === undefined)) return this.get(caller, id);
    const change = (tx: EntityManager, before: AccountBefore) => this.change(tx, before, changes);
    const account = await this.alone(caller, id, change, changes.email);
    this.emailLinks.wake();
    return account;
  }

  /**
   * Deletes an account with all that it held, and takes its emails out of the audit log.
   *
   * @throws ApiError `forbidden`, `not_found`; `conflict` for the last enabled admin, and while it answers for clients
   */
  async remove(caller: UserPrincipal, id: string): Promise<void> {
    await this.alone(caller, id, async (tx, { id: subject, email, individual, role }) => {
      if (await this.store.answersForClients(tx, subject)) throw answersForClients();
      // In the order in which others lock them, too: what the deletion does by itself has none.
      await this.accountRevocation.revoke(tx, subject, EVERYTHING);
      if (!(await this.store.remove(tx, subject))) throw lastAdmin();
      await this.audit.record(tx, { kind: 'account.deleted', subject, details: { individual, role } });
      await this.audit.blankEmails(tx, subject, email);
    });
  }

  /** Ends everything that the account has open. @throws ApiError `forbidden`, `not_found` */
  async revoke(caller: UserPrincipal, id: string): Promise<void> {
    await this.alone(caller, id, async (tx, { id: subject }) => {
      await this.accountRevocation.revoke(tx, subject, EVERYTHING);
      await this.audit.record(tx, { kind: 'account.revoked', subject });
    });
  }

  /** @throws ApiError `not_found` */
  async find(id: string): Promise<AdminAccount> {
    const account = isUuid(id) ? await this.store.find(id) : undefined;
    if (!account) throw notFound();
    return account;
  }

  /** One act on one account, alone with it. @param email the one that it is to have, if any */
  private async alone<T>(
    caller: UserPrincipal,
    id: string,
    act: (tx: EntityManager, before: AccountBefore) => Promise<T>,
    email?: string | null,
  ): Promise<T> {
    requireAdmin(caller);
    if (!isUuid(id)) throw notFound();
    return this.revocations.transaction(async (tx) => {
      await this.store.takeTurn(tx);
      const before = await this.callers.holdUser(tx, caller, { lock: () => this.store.lock(tx, id, email) });
      if (!before) throw notFound();
      return act(tx, before);
    });
  }

  private async change(tx: EntityManager, before: AccountBefore, changes: AccountChanges): Promise<AdminAccount> {
    refuseEmptying(before, changes);
    const { role, disabled, email } = changes;
    const fields = readFields(changes);
    const comes = consequencesOf(before, changes);
    if (comes.emailChanged) await this.accounts.claimEmail(tx, email ?? null, before.id, before.email);
    await this.lists.replace(tx, before.id, fields);
    const changed = await this.store.update(tx, before.id, {
      ...fields,
      ...(email !== undefined && { email }),
      ...(role !== undefined && { role }),
      ...(disabled !== undefined && { disabled }),
      passwordRemoved: comes.passwordRemoved,
      emailUnverified: comes.emailChanged,
    });
    if (!changed) throw lastAdmin();
    const extent = revokedBy(comes);
    if (extent) await this.accountRevocation.revoke(tx, before.id, extent);
    // What is remembered of it holds its email and its role.
    else await this.revocations.announce(tx, `account ${before.id}`);
    if (comes.emailChanged) await this.notifyOfNewEmail(tx, before, email ?? null, comes);
    for (const event of eventsOf(changes, fields, comes)) {
      await this.audit.record(tx, { ...event, subject: before.id });
    }
    return changed;
  }

  /** Only whoever could sign in with the old address, and may again, can bring it back. */
  private async notifyOfNewEmail(
    tx: EntityManager,
    { id, email: old, hasPassword, isVerified, disabled }: AccountBefore,
    email: string | null,
    comes: Consequences,
  ): Promise<void> {
    const couldSignIn = hasPassword && (isVerified || this.config.emailVerification === 'off');
    const isDisabled = comes.disabled || (disabled && !comes.enabled);
    if (old !== null) await this.emailLinks.notifyOldAddress(tx, id, old, couldSignIn && !disabled && !isDisabled);
    if (email !== null && !isDisabled) await this.writeTo(tx, { id, email }, hasPassword && !comes.passwordRemoved);
  }

  /**
   * To whom has just got an account, or an email: an invitation, if there is no password (and SIGNUP leaves invitations),
   * or a link to verify it.
   */
  private async writeTo(
    tx: EntityManager,
    account: { id: string; email: string },
    hasPassword: boolean,
  ): Promise<void> {
    if (hasPassword) await this.emailLinks.askToVerify(tx, account.id, account.email);
    else if (this.config.signup !== 'closed') await this.resets.invite(tx, account);
  }
}

/** @throws ApiError `invalid_params`: a person has an email, an organisation a name, and a password is for an email */
function refuseIncomplete({ email, name, password, individual }: NewAccountBody, { signup }: Config): void {
  if (individual === false && name === undefined) throw nameless();
  if (individual !== false && email === undefined) throw unreachable();
  if (email === undefined && password !== undefined) {
    throw invalidParams({ password: ['requires an email'] });
  }
  if (email !== undefined && password === undefined && signup === 'closed') throw noInvitations();
}

/** @throws ApiError `invalid_params` when a change would take away what the account needs */
function refuseEmptying({ individual }: AccountBefore, { email, name }: AccountChanges): void {
  if (individual && email === null) throw unreachable();
  if (!individual && name === null) throw nameless();
}
