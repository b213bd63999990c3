import { Inject, Injectable } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import type { AdminPrincipal } from '../access/principal.js';
import { requireAdmin } from '../access/refusals.js';
import { AccountErasure } from '../accounts/account-erasure.service.js';
import { auditedFields, canonicalLocale, readFields } from '../accounts/account-fields.js';
import { AccountLists } from '../accounts/account-lists.store.js';
import { AccountStore } from '../accounts/accounts.store.js';
import { EmailHolderStore } from '../accounts/email-holders.store.js';
import { EmailLinks } from '../email-links/email-links.service.js';
import { PasswordChecks } from '../passwords/password-checks.service.js';
import { PasswordNotices } from '../passwords/password-notices.service.js';
import { PasswordHasher } from '../passwords/password-hasher.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { CONFIG, type Config } from '../config/config.js';
import { conflict, invalidParams, notFound } from '../errors/api-error.js';
import { pageOf, PAGE_SIZE, readCursor, type Page } from '../http/cursor.js';
import { isUuid } from '../http/validation.js';
import { AccountRevocation, EVERYTHING } from '../revocations/account-revocation.store.js';
import { Revocations } from '../revocations/revocations.service.js';
import { PasswordResets } from '../password-resets/password-resets.service.js';
import { Reauthentication } from '../sessions/reauthentication.service.js';
import { Callers } from '../tokens/callers.service.js';
import { consequencesOf, eventsOf, revokedBy, type Consequences } from './account-admin.changes.js';
import {
  NEEDED_BY_ORGANISATION,
  NEEDED_BY_PERSON,
  type AccountChanges,
  type AccountFilter,
  type NewAccountBody,
  toAdminAccountView,
} from './account-admin.dto.js';
import { AccountAdminStore, type AccountBefore, type AdminAccount } from './account-admin.store.js';
import { requireMatch } from '../http/if-match.js';

export const lastAdmin = () => conflict('This is the last enabled admin who can sign in. Create another admin first.');
export const answersForClients = () =>
  conflict('The account owns OAuth2 clients. Transfer them to another admin or delete them first.');

/** How admins see and change accounts. Changes take turns, so that the last enabled admin is never lost. */
@Injectable()
export class AccountAdmin {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly manager: EntityManager,
    private readonly store: AccountAdminStore,
    private readonly lists: AccountLists,
    private readonly accounts: AccountStore,
    private readonly emails: EmailHolderStore,
    private readonly hasher: PasswordHasher,
    private readonly passwordChecks: PasswordChecks,
    private readonly passwordNotices: PasswordNotices,
    private readonly resets: PasswordResets,
    private readonly emailLinks: EmailLinks,
    private readonly reauthentication: Reauthentication,
    private readonly callers: Callers,
    private readonly revocations: Revocations,
    private readonly accountRevocation: AccountRevocation,
    private readonly erasure: AccountErasure,
    private readonly audit: AuditLog,
  ) {}

  /** @returns a page, newest first, and where the next one begins. @throws ApiError `forbidden`, `invalid_params` */
  async list(caller: AdminPrincipal, { cursor, ...search }: AccountFilter): Promise<Page<AdminAccount>> {
    requireAdmin(caller);
    const after = readCursor(cursor);
    // The names of the filters only: their values may be somebody's name or email.
    const entries = Object.entries(search) as [string, unknown][];
    const filters = entries.filter(([, value]) => value !== undefined).map(([name]) => name);
    await this.audit.recordAlone({ kind: 'account.listed', details: { filters } });
    return pageOf(await this.store.list(search, PAGE_SIZE + 1, after));
  }

  /** @throws ApiError `forbidden`, `not_found` */
  async get(caller: AdminPrincipal, id: string): Promise<AdminAccount> {
    requireAdmin(caller);
    const account = await this.find(id);
    await this.audit.recordAlone({ kind: 'account.read', subject: account.id });
    return account;
  }

  /** Creates an account: with a password, or with an invitation that is mailed to its email.
   *
   * @param options.isInvited whether it is mailed
   * @throws ApiError `forbidden`, `invalid_params`, `conflict` when the email or the name is taken, `unavailable`; for an admin as
   *   {@link Reauthentication.require}
   */
  async create(caller: AdminPrincipal, body: NewAccountBody, { isInvited = true } = {}): Promise<AdminAccount> {
    requireAdmin(caller);
    const { email = null, password, role = 'user', individual = true } = body;
    await this.reauthentication.requireIf(role === 'admin', caller, body.current_password);
    const passwordHash =
      password === undefined ? null : await this.hasher.hash(password, { emails: [email], name: body.name ?? null });
    const fields = readFields(body);
    const id = await this.manager.transaction(async (tx) => {
      await this.callers.holdUser(tx, caller);
      const account = await this.accounts.create(tx, {
        ...fields,
        email,
        passwordHash,
        role,
        individual,
        isPasswordInitial: passwordHash !== null,
        locale: canonicalLocale(body.locale) ?? null,
      });
      await this.lists.replace(tx, account.id, fields);
      const details = { role, individual, ...auditedFields(fields) };
      const about = { subject: account.id, ...(email !== null && { email }) };
      await this.audit.record(tx, { kind: 'account.created', ...about, details });
      if (email !== null && isInvited) await this.writeTo(tx, caller, { id: account.id, email }, passwordHash !== null);
      return account.id;
    });
    this.resets.wake();
    return this.find(id);
  }

  /**
   * Updates the given fields, and revokes what the account must no longer have open.
   *
   * @throws ApiError `forbidden`, `not_found`, `invalid_params`; `conflict` when the email or the name is taken, or no
   *   enabled admin would be left
   */
  async update(
    caller: AdminPrincipal,
    id: string,
    { current_password, ...changes }: AccountChanges,
  ): Promise<AdminAccount> {
    if (changesNothing(changes)) return this.get(caller, id);
    requireAdmin(caller);
    if (takesOver(changes) && id.toLowerCase() === caller.accountId) {
      await this.reauthentication.requireForChange(caller, current_password);
    } else {
      // Whoever is made an admin outlasts the token that did it.
      await this.reauthentication.requireIf(changes.role === 'admin', caller, current_password);
    }
    const change = async (tx: EntityManager, before: AccountBefore) => {
      await requireMatch(async () => {
        const account = await this.store.find(before.id, tx);
        return account && toAdminAccountView(account);
      });
      return this.change(tx, caller, before, changes);
    };
    const account = await this.changeLocked(caller, id, change, changes.email);
    this.emailLinks.wake();
    return account;
  }

  /**
   * Deletes an account with all that belongs to it, and erases its emails: see {@link AccountErasure}.
   *
   * @throws ApiError `forbidden`, `not_found`; `conflict` for the last enabled admin, and while the account owns clients
   */
  async remove(caller: AdminPrincipal, id: string): Promise<void> {
    await this.changeLocked(caller, id, async (tx, { id: subject, email, individual, role }) => {
      if (await this.store.answersForClients(tx, subject)) throw answersForClients();
      await this.erasure.prepare(tx, { id: subject, email }, { individual, role });
      if (!(await this.store.remove(tx, subject))) throw lastAdmin();
    });
  }

  /** Revokes everything that the account has open. @throws ApiError `forbidden`, `not_found` */
  async revoke(caller: AdminPrincipal, id: string, currentPassword: string | undefined): Promise<void> {
    await this.reauthenticateOwner(caller, id, currentPassword);
    await this.changeLocked(caller, id, async (tx, { id: subject }) => {
      await this.accountRevocation.revoke(tx, subject, EVERYTHING);
      await this.audit.record(tx, { kind: 'account.revoked', subject });
    });
  }

  /** Lets the account be signed in to again, whatever has failed before. @throws ApiError `forbidden`, `not_found` */
  async unlock(caller: AdminPrincipal, id: string): Promise<void> {
    await this.changeLocked(caller, id, async (tx, { id: subject, email }) => {
      const wasLocked = email !== null && (await this.passwordChecks.unlock(email, tx));
      await this.audit.record(tx, { kind: 'sign_in.unlocked', subject, details: { was_locked: wasLocked } });
    });
  }

  /** @throws ApiError `not_found` */
  async find(id: string): Promise<AdminAccount> {
    const account = isUuid(id) ? await this.store.find(id) : undefined;
    if (!account) throw notFound();
    return account;
  }

  /** What asks account holders for their password again asks admins too, as far as it is their own account. */
  private async reauthenticateOwner(caller: AdminPrincipal, id: string, password: string | undefined): Promise<void> {
    requireAdmin(caller);
    await this.reauthentication.requireIf(id.toLowerCase() === caller.accountId, caller, password);
  }

  /** Runs one change of one account, under its lock. @param email the new one; undefined: it stays */
  private async changeLocked<T>(
    caller: AdminPrincipal,
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

  private async change(
    tx: EntityManager,
    caller: AdminPrincipal,
    before: AccountBefore,
    changes: AccountChanges,
  ): Promise<AdminAccount> {
    refuseEmptying(before, changes);
    const { role, disabled, email } = changes;
    const locale = canonicalLocale(changes.locale);
    const fields = readFields(changes);
    const consequences = consequencesOf(before, changes);
    if (consequences.emailChanged) await this.emails.claim(tx, email ?? null, before.id, before.email);
    await this.lists.replace(tx, before.id, fields);
    const changed = await this.store.update(tx, before.id, {
      ...fields,
      ...(email !== undefined && { email }),
      ...(locale !== undefined && { locale }),
      ...(role !== undefined && { role }),
      ...(disabled !== undefined && { disabled }),
      passwordRemoved: consequences.passwordRemoved,
      emailUnverified: consequences.emailChanged,
    });
    if (!changed) throw lastAdmin();
    const extent = revokedBy(consequences);
    if (extent) await this.accountRevocation.revoke(tx, before.id, extent);
    // What processes have cached of the account includes its email and its role.
    else await this.revocations.announce(tx, `account ${before.id}`);
    if (consequences.emailChanged)
      await this.notifyOfNewEmail(tx, caller, before, { email: email ?? null, consequences });
    const told = changed.email ?? before.email;
    if (consequences.passwordRemoved && before.hasPassword && told !== null) {
      await this.passwordNotices.tell(tx, { id: before.id, email: told }, 'admin');
    }
    for (const event of eventsOf(changes, fields, consequences)) {
      await this.audit.record(tx, { ...event, subject: before.id });
    }
    return changed;
  }

  /** The old address gets a link to undo the change only if it could sign in, and the account is not disabled. */
  private async notifyOfNewEmail(
    tx: EntityManager,
    caller: AdminPrincipal,
    { id, email: old, hasPassword, isVerified, disabled }: AccountBefore,
    { email, consequences }: { email: string | null; consequences: Consequences },
  ): Promise<void> {
    const couldSignIn = hasPassword && (isVerified || this.config.emailVerification === 'off');
    const isDisabled = consequences.disabled || (disabled && !consequences.enabled);
    if (old !== null) {
      const undoable = couldSignIn && !disabled && !isDisabled;
      await this.emailLinks.notifyOldAddress(tx, id, old, { undoable, saysWhere: false });
    }
    if (email !== null && !isDisabled)
      await this.writeTo(tx, caller, { id, email }, hasPassword && !consequences.passwordRemoved);
  }

  /**
   * Mails the holder of a new account or a new email: a link to verify the email or, if there is no password, an
   * invitation (unless SIGNUP is closed).
   */
  private async writeTo(
    tx: EntityManager,
    caller: AdminPrincipal,
    account: { id: string; email: string },
    hasPassword: boolean,
  ): Promise<void> {
    if (hasPassword) await this.emailLinks.askToVerify(tx, account.id, account.email, { byAdmin: true });
    else if (this.config.signup !== 'closed') await this.resets.invite(tx, account, caller.actorId ?? caller.accountId);
  }
}

/** `allow_wide` only says something about the networks. */
const changesNothing = (changes: object) =>
  Object.entries(changes).every(([name, value]) => name === 'allow_wide' || value === undefined);

const takesOver = ({ email, password }: AccountChanges) => email !== undefined || password !== undefined;

/** @throws ApiError `invalid_params` when a change removes the email of a person or the name of an organisation */
function refuseEmptying({ individual }: AccountBefore, { email, name }: AccountChanges): void {
  if (individual && email === null) throw invalidParams({ email: [NEEDED_BY_PERSON] });
  if (!individual && name === null) throw invalidParams({ name: [NEEDED_BY_ORGANISATION] });
}
