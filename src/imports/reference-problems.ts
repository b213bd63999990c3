import type { Referred } from './account-references.store.js';

/** @returns why an account cannot be referred to; undefined: it can, or none is */
export function problemOfReference(
  reference: string | undefined,
  accounts: Map<string, Referred | 'several'>,
): string | undefined {
  if (reference === undefined) return undefined;
  const account = accounts.get(reference);
  if (!account) return 'is not an account on this server: import it first';
  if (account === 'several') return 'is the email of several accounts';
  if (reference.includes('@') && !account.isProved) {
    return 'is an unverified email of an account that was not imported: refer to the account by its id';
  }
  return account.isDisabled ? 'is disabled' : undefined;
}
