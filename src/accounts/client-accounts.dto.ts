import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn } from 'class-validator';
import { PageCursor } from '../http/cursor.js';
import { LONGEST_DOMAIN, readEmailDomain } from '../emails/email-domains.js';
import { Name, Text } from '../http/fields.js';
import { ChecksBySettings } from '../http/request-validation.js';
import { IS_REQUIRED, IsReadBy, IsRefused, IsWholeNumber, Optional, tidy } from '../http/validation.js';
import { EXAMPLE_ID, LegacyId } from './accounts.dto.js';
import { ALIASES, CANNOT_BE_CHANGED, EMAIL_DOMAINS, InstitutionFields, NETWORKS } from './account-fields.dto.js';
import type { ClientAccount, Overlaps } from './client-accounts.store.js';
import { LONGEST_NETWORK, readNetwork } from './networks.js';

/** Later pages are reached by following `Link`. */
const LAST_PAGE = 1_000;
export const MOST_PER_PAGE = 100;

const NOT_BY_A_CLIENT = 'cannot be set by a client';
const MUST_BE_NAME = 'must be the same as name, or absent';

interface NamedBody {
  name?: unknown;
  account_name?: unknown;
}

/** The fields of an account that clients can set, and those that they cannot. */
class ClientAccountFields extends InstitutionFields {
  @ChecksBySettings((value, { name }: NamedBody) =>
    typeof value === 'string' && typeof name === 'string' && tidy(value) !== tidy(name) ? MUST_BE_NAME : undefined,
  )
  @Name({ description: 'Another word for `name`', required: false })
  account_name?: string;

  @IsRefused(NOT_BY_A_CLIENT)
  email?: never;

  @IsRefused(NOT_BY_A_CLIENT)
  password?: never;

  @IsRefused(NOT_BY_A_CLIENT)
  role?: never;

  @IsRefused(NOT_BY_A_CLIENT)
  disabled?: never;
}

export class NewOrganisation extends ClientAccountFields {
  @ChecksBySettings((name, { account_name }: NamedBody) =>
    name === undefined && account_name === undefined ? IS_REQUIRED : undefined,
  )
  @Name({ description: 'Unique; required, unless `account_name` is given', required: false })
  name?: string;

  @ApiPropertyOptional({
    description: 'Clients can only create organisations',
    enum: [false],
    type: Boolean,
    example: false,
  })
  @Optional()
  @IsIn([false], { message: 'must be false: clients can only create organisations' })
  individual?: false;
}

export class AccountChange extends ClientAccountFields {
  @Name({ description: 'Unique', required: false })
  name?: string;

  @IsRefused(CANNOT_BE_CHANGED)
  individual?: never;
}

/** Selects the accounts that match all given filters, and a page of them. */
export class AccountPage {
  @Name({ description: 'The name of the account', required: false })
  name?: string;

  @Text({ description: 'The reference of the account', maxLength: 255, example: 'example', required: false })
  publisher_reference?: string;

  @IsReadBy(readEmailDomain)
  @Text({
    description: 'One of the `email_domains` of the account, as it is spelled there',
    maxLength: LONGEST_DOMAIN,
    example: 'example.org',
    required: false,
  })
  email_domain?: string;

  @IsReadBy(readNetwork)
  @Text({
    description: 'An address or a network: accounts with a network that shares addresses with it',
    maxLength: LONGEST_NETWORK,
    example: '192.0.2.1',
    required: false,
  })
  network?: string;

  @ApiPropertyOptional({
    description: 'Page number, counted from the first account or from `cursor`',
    type: 'integer',
    minimum: 1,
    maximum: LAST_PAGE,
    default: 1,
    example: 1,
  })
  @Optional()
  @IsWholeNumber(1, LAST_PAGE, '; follow Link to go further')
  page?: string;

  @ApiPropertyOptional({
    description: 'Accounts per page',
    type: 'integer',
    minimum: 1,
    maximum: MOST_PER_PAGE,
    default: MOST_PER_PAGE,
    example: 50,
  })
  @Optional()
  @IsWholeNumber(1, MOST_PER_PAGE)
  perpage?: string;

  @PageCursor({
    description: 'From the `Link` header. Fast for any page, unlike `page`',
    example: '0.00000000-0000-0000-0000-000000000000',
  })
  cursor?: string;
}

export class Link {
  @ApiProperty({ format: 'uri', example: 'http://127.0.0.1:3000/api' })
  href!: string;
}

export class AccountLinks {
  @ApiProperty({ example: { href: `http://127.0.0.1:3000/api/accounts/${EXAMPLE_ID}` } })
  self!: Link;
}

type AccountType = 'individual' | 'institution';

/** An account as clients see it. */
export class ClientAccountView {
  @ApiProperty({ format: 'date-time', example: '2015-01-01T12:00:00Z' })
  created_at!: string;

  @ApiProperty({ format: 'uuid', example: '01234567-89ab-cdef-0123-456789abcdef' })
  id!: string;

  @ApiProperty({ type: String, nullable: true, example: 'example' })
  name!: string | null;

  @ApiProperty({ type: String, nullable: true, example: 'example' })
  publisher_reference!: string | null;

  @ApiProperty({ format: 'date-time', example: '2015-01-01T12:00:00Z' })
  updated_at!: string;

  @ApiProperty({ description: 'Whether the account is a person; otherwise an organisation', example: false })
  individual!: boolean;

  @ApiProperty({ description: 'Other names', type: [String], example: ALIASES })
  aliases!: string[];

  @ApiProperty({ type: [String], example: NETWORKS })
  networks!: string[];

  @ApiProperty({ type: [String], example: EMAIL_DOMAINS })
  email_domains!: string[];

  @ApiProperty({ description: 'The same as `name`', type: String, nullable: true, example: 'example' })
  account_name!: string | null;

  @LegacyId()
  legacy_id!: string | null;

  @ApiProperty({ description: 'Always `true`: disabled accounts are not shown', example: true })
  active!: boolean;

  @ApiProperty({ enum: ['individual', 'institution'], example: 'institution' })
  type!: AccountType;

  @ApiProperty({ description: 'The same as `created_at`', format: 'date-time', example: '2015-01-01T12:00:00Z' })
  creation_date!: string;

  @ApiProperty({ description: 'The same as `updated_at`', format: 'date-time', example: '2015-01-01T12:00:00Z' })
  modified_date!: string;

  @ApiProperty()
  _links!: AccountLinks;
}

export class Overlap {
  @ApiProperty({ description: 'A network of this account', example: '192.0.2.0/24' })
  network!: string;

  @ApiProperty({ description: 'The other account', format: 'uuid', example: EXAMPLE_ID })
  account_id!: string;

  @ApiProperty({ description: 'Its network', example: '192.0.2.128/25' })
  overlaps_with!: string;
}

export class ChangedAccountView extends ClientAccountView {
  @ApiProperty({
    description: 'Networks of other accounts that share addresses with networks of this one, at most 100',
    type: [Overlap],
    example: [],
  })
  overlaps!: Overlap[];

  @ApiProperty({ description: 'The number of overlapping pairs, counted up to 1,000', type: 'integer', example: 0 })
  overlaps_count!: number;
}

export class ClientAccountList {
  @ApiProperty({ type: [ClientAccountView] })
  accounts!: ClientAccountView[];
}

/** To the second, as in the connect document. */
export const toSeconds = (date: Date) => `${date.toISOString().slice(0, -'.000Z'.length)}Z`;

export const typeOf = ({ individual }: { individual: boolean }): AccountType =>
  individual ? 'individual' : 'institution';

export const linksOf = ({ id }: { id: string }, publicUrl: string): AccountLinks => ({
  self: { href: `${publicUrl}/api/accounts/${id}` },
});

function viewOf(account: ClientAccount, publicUrl: string) {
  const [created, updated] = [toSeconds(account.createdAt), toSeconds(account.updatedAt)];
  return {
    created_at: created,
    id: account.id,
    name: account.name,
    publisher_reference: account.publisherReference,
    updated_at: updated,
    individual: account.individual,
    aliases: account.aliases,
    networks: account.networks,
    email_domains: account.emailDomains,
    account_name: account.name,
    legacy_id: account.legacyId,
    active: true,
    type: typeOf(account),
    creation_date: created,
    modified_date: updated,
    _links: linksOf(account, publicUrl),
  };
}

export const toClientAccountView: (account: ClientAccount, publicUrl: string) => ClientAccountView = viewOf;

export function toChangedAccountView(
  account: ClientAccount,
  { found, count }: Overlaps,
  publicUrl: string,
): ChangedAccountView {
  return {
    ...viewOf(account, publicUrl),
    overlaps: found.map(({ network, accountId, other }) => ({ network, account_id: accountId, overlaps_with: other })),
    overlaps_count: count,
  };
}
