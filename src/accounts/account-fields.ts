import { tidy, type Reading } from '../http/validation.js';
import { readLocale } from '../messages/languages.js';
import { readAliasList, readDomainList, readNetworkList, type ListReading } from './institution-lists.js';

/** The fields of an account that no sign-in depends on; absent ones stay as they are. */
export interface AccountFields {
  name?: string | null;
  publisherReference?: string | null;
  aliases?: string[];
  networks?: string[];
  emailDomains?: string[];
}

/** The same fields as they are named in requests. */
export interface AccountFieldsBody {
  name?: string | null | undefined;
  publisher_reference?: string | null | undefined;
  aliases?: string[] | string | undefined;
  networks?: string[] | string | undefined;
  email_domains?: string[] | string | undefined;
}

/** @returns the fields as they are stored, in one spelling. They have been validated. */
export function readFields(body: AccountFieldsBody): AccountFields {
  const { name, publisher_reference, aliases, networks, email_domains } = body;
  return {
    ...(name !== undefined && { name: name === null ? null : tidy(name) }),
    ...(publisher_reference !== undefined && { publisherReference: publisher_reference }),
    ...(aliases !== undefined && { aliases: valuesOf(readAliasList(aliases)) }),
    ...(networks !== undefined && { networks: valuesOf(readNetworkList(networks, true)) }),
    ...(email_domains !== undefined && { emailDomains: valuesOf(readDomainList(email_domains)) }),
  };
}

/** @returns the details of a change for the audit log: lists as they are, of names only that they were changed */
export function auditedFields({
  networks,
  emailDomains,
  name,
  publisherReference,
  aliases,
}: AccountFields): Record<string, unknown> {
  return {
    fields: [
      ...(name === undefined ? [] : ['name']),
      ...(publisherReference === undefined ? [] : ['publisher_reference']),
      ...(aliases === undefined ? [] : ['aliases']),
    ],
    ...(networks && { networks }),
    ...(emailDomains && { email_domains: emailDomains }),
  };
}

/** @returns a locale as it is stored. It has been validated. */
export const canonicalLocale = (locale: string | null | undefined) =>
  locale == null ? locale : spelling(readLocale(locale));

export function spelling(reading: Reading): string {
  if ('problem' in reading) throw new Error(`An entry that was not validated ${reading.problem}.`);
  return reading.value;
}

function valuesOf(reading: ListReading): string[] {
  if ('problem' in reading) throw new Error(`A list that was not validated ${reading.problem}.`);
  return reading.values;
}
