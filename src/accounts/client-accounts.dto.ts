import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn } from 'class-validator';
import { PageCursor } from '../http/cursor.js';
import { Name } from '../http/fields.js';
import { IsRefused, IsWholeNumber, Optional } from '../http/validation.js';
import { EXAMPLE_ID } from './accounts.dto.js';
import { CANNOT_BE_CHANGED, EMAIL_DOMAINS, InstitutionFields, NETWORKS } from './account-fields.dto.js';
import type { ClientAccount, Overlaps } from './client-accounts.store.js';

/** Later pages are reached by following `Link`. */
const LAST_PAGE = 1_000;
export const MOST_PER_PAGE = 100;

const NOT_BY_A_CLIENT = 'cannot be set by a client';

/** The fields of an account that clients can set, and those that they cannot. */
class ClientAccountFields extends InstitutionFields {
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
  @Name({ description: 'Unique' })
  name!: string;

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

export class AccountPage {
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

  @ApiProperty({ type: [String], example: NETWORKS })
  networks!: string[];

  @ApiProperty({ type: [String], example: EMAIL_DOMAINS })
  email_domains!: string[];
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
export const toSeconds = (date: Date) => date.toISOString().replace(/\.\d+Z$/, 'Z');

const viewOf = (account: ClientAccount) => ({
  created_at: toSeconds(account.createdAt),
  id: account.id,
  name: account.name,
  publisher_reference: account.publisherReference,
  updated_at: toSeconds(account.updatedAt),
  individual: account.individual,
  networks: account.networks,
  email_domains: account.emailDomains,
});

export const toClientAccountView: (account: ClientAccount) => ClientAccountView = viewOf;

export function toChangedAccountView(account: ClientAccount, { found, count }: Overlaps): ChangedAccountView {
  return {
    ...viewOf(account),
    overlaps: found.map(({ network, accountId, other }) => ({ network, account_id: accountId, overlaps_with: other })),
    overlaps_count: count,
  };
}
