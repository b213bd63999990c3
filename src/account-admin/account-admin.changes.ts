import { auditedFields, type AccountFields } from '../accounts/account-fields.js';
import type { AuditEntry } from '../audit-log/audit-log.service.js';
import { CREDENTIALS, EVERYTHING, type Extent } from '../revocations/account-revocation.store.js';
import type { AccountChanges } from './account-admin.dto.js';
import type { AccountBefore } from './account-admin.store.js';

/** What a change of an account entails, beyond the columns that it writes. */
export interface Consequences {
  emailChanged: boolean;
  roleChanged: boolean;
  demoted: boolean;
  disabled: boolean;
  enabled: boolean;
  passwordRemoved: boolean;
}

export function consequencesOf(before: AccountBefore, { role, disabled, password }: AccountChanges): Consequences {
  return {
    emailChanged: !before.isSameEmail,
    roleChanged: role !== undefined && role !== before.role,
    demoted: role === 'user' && before.role === 'admin',
    disabled: disabled === true && !before.disabled,
    enabled: disabled === false && before.disabled,
    passwordRemoved: password === null,
  };
}

/** @returns how much a change revokes of what the account has open; undefined: nothing */
export function revokedBy({
  disabled,
  enabled,
  demoted,
  emailChanged,
  passwordRemoved,
}: Consequences): Extent | undefined {
  if (disabled) return { ...EVERYTHING, links: 'all' };
  if (!(enabled || demoted || emailChanged || passwordRemoved)) return undefined;
  const links = linksEndedBy(enabled, emailChanged);
  const credentials = emailChanged || passwordRemoved ? CREDENTIALS : {};
  // What only admins have is revoked, so that a later promotion does not bring it back.
  const tokens = [...(credentials.tokens ?? []), ...(demoted ? ['admin' as const] : [])];
  return { ...credentials, ...(links && { links }), ...(tokens.length > 0 && { tokens }) };
}

/** Links that were mailed before an account was disabled stay unusable after it is enabled. */
function linksEndedBy(enabled: boolean, emailChanged: boolean): Extent['links'] {
  if (enabled) return 'all';
  return emailChanged ? 'verify' : undefined;
}

/** @returns the audit events of a change: one for each kind that somebody would search for */
export function eventsOf(
  { email, locale, role }: AccountChanges,
  fields: AccountFields,
  { emailChanged, roleChanged, disabled, enabled, passwordRemoved }: Consequences,
): AuditEntry[] {
  const { fields: names, ...lists } = auditedFields(fields) as { fields: string[] };
  // An email that differs only in case is an ordinary change.
  const changed = [
    ...names,
    ...(email !== undefined && !emailChanged ? ['email'] : []),
    ...(locale === undefined ? [] : ['locale']),
  ];
  const isMore = changed.length > 0 || Object.keys(lists).length > 0;
  return [
    ...(emailChanged ? [{ kind: 'account.email_changed', ...(email && { email }) } as const] : []),
    ...(roleChanged ? [{ kind: 'account.role_changed', details: { role } } as const] : []),
    ...(disabled ? [{ kind: 'account.disabled' } as const] : []),
    ...(enabled ? [{ kind: 'account.enabled' } as const] : []),
    ...(passwordRemoved ? [{ kind: 'account.password_removed' } as const] : []),
    ...(isMore ? [{ kind: 'account.changed', details: { ...lists, fields: changed } } as const] : []),
  ];
}
