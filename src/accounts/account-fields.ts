import type { Reading } from '../http/validation.js';
import type { ClientAccountChange } from './client-accounts.store.js';
import { readEmailDomain } from './email-domains.js';
import { readNetwork } from './networks.js';

/** What requests say of an account, apart from what signs anybody in. */
export interface AccountFields {
  name?: string | null | undefined;
  publisher_reference?: string | null | undefined;
  networks?: string[] | undefined;
  email_domains?: string[] | undefined;
}

/** @returns the fields as they are stored, in one spelling. They have been validated. */
export function readFields({ name, publisher_reference, networks, email_domains }: AccountFields): ClientAccountChange {
  return {
    ...(name !== undefined && { name: name === null ? null : tidy(name) }),
    ...(publisher_reference !== undefined && { publisherReference: publisher_reference }),
    ...(networks && { networks: networks.map((text) => spelling(readNetwork(text))) }),
    ...(email_domains && { emailDomains: email_domains.map((text) => spelling(readEmailDomain(text))) }),
  };
}

/** @returns what the trail has of a change: whom visitors count for; of names only that they were changed */
export function auditedFields({ networks, emailDomains, ...others }: ClientAccountChange): Record<string, unknown> {
  return {
    fields: Object.keys(others),
    ...(networks && { networks }),
    ...(emailDomains && { email_domains: emailDomains }),
  };
}

/** One spelling for what looks the same. */
const tidy = (name: string) => name.normalize('NFC').trim();

function spelling(reading: Reading): string {
  if ('problem' in reading) throw new Error(`An entry that was not validated ${reading.problem}.`);
  return reading.value;
}
