import { createHash } from 'node:crypto';
import { auditedFields } from '../accounts/account-fields.js';
import type { AuditEntry } from '../audit-log/audit-log.service.js';
import { foldEmail } from '../emails/email-address.js';
import { CREDENTIALS, EVERYTHING, type Extent } from '../revocations/account-revocation.store.js';
import type { NewAccountRow, StoredAccount } from './account-imports.store.js';
import type { AccountRecord } from './records.js';

/** What a change of an account by an import entails. */
export interface Consequences {
  emailChanged: boolean;
  passwordChanged: boolean;
  roleChanged: boolean;
  disabled: boolean;
  enabled: boolean;
}

export function consequencesOf(record: AccountRecord, stored: StoredAccount): Consequences {
  const { email, role, disabledAt } = record;
  return {
    emailChanged: email !== undefined && foldEmail(email) !== foldEmail(stored.email ?? ''),
    passwordChanged: isNewPassword(record, stored),
    roleChanged: role !== undefined && role !== stored.role,
    disabled: typeof disabledAt === 'string' && !stored.isDisabled,
    enabled: disabledAt === null && stored.isDisabled,
  };
}

/** What is stored may be a hash of ours by now. */
function isNewPassword({ passwordHash }: AccountRecord, { importedPassword }: StoredAccount): boolean {
  if (passwordHash === undefined) return false;
  return !importedPassword?.equals(createHash('sha256').update(passwordHash).digest());
}

/** @returns how much of what the account has open here it ends; undefined: nothing */
export function endedBy({ emailChanged, passwordChanged, disabled, enabled }: Consequences): Extent | undefined {
  if (disabled) return { ...EVERYTHING, links: 'all' };
  const extent = emailChanged || passwordChanged ? CREDENTIALS : undefined;
  return enabled ? { ...extent, links: 'all' } : extent;
}

/** @returns the audit events of a change: those that it would have if an admin or the holder had made it */
export function eventsOf(
  { email, role, ...record }: AccountRecord,
  stored: StoredAccount,
  { emailChanged, passwordChanged, roleChanged, disabled, enabled }: Consequences,
): AuditEntry[] {
  const { name, ...others } = record;
  const fields = auditedFields({ ...others, ...(name !== undefined && name !== stored.name && { name }) });
  const events: AuditEntry[] = [
    ...(emailChanged ? [{ kind: 'account.email_changed', ...(email !== undefined && { email }) } as const] : []),
    ...(passwordChanged ? [{ kind: 'account.credentials_changed' } as const] : []),
    ...(roleChanged ? [{ kind: 'account.role_changed', details: { role } } as const] : []),
    ...(disabled ? [{ kind: 'account.disabled' } as const] : []),
    ...(enabled ? [{ kind: 'account.enabled' } as const] : []),
  ];
  const isMore = (fields.fields as string[]).length > 0 || Object.keys(fields).length > 1;
  return isMore || events.length === 0 ? [...events, { kind: 'account.changed', details: fields }] : events;
}

/** The audit event of an account that was made. */
export function creationOf({ id, role = 'user', individual }: NewAccountRow): AuditEntry {
  return { kind: 'account.created', subject: id, details: { by: 'import', role, individual } };
}
