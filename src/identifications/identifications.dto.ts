import { ApiProperty, ApiPropertyOptional, OmitType } from '@nestjs/swagger';
import { ValidateBy } from 'class-validator';
import { IsEmailAddress } from '../accounts/account-fields.dto.js';
import { EXAMPLE_ID, LegacyId } from '../accounts/accounts.dto.js';
import { AccountLinks, Link, linksOf, toSeconds, typeOf } from '../accounts/client-accounts.dto.js';
import { readAddress } from '../accounts/networks.js';
import { foldEmail } from '../emails/email-address.js';
import { Text } from '../http/fields.js';
import { IsPresent, OptionalOrNull } from '../http/validation.js';
import type { FoundAccount, IdentificationRecord } from './identification-records.js';
import { isRelativeReference, isReturnUrl } from './return-urls.js';

const LONGEST = 2_048;
export const EXAMPLE_IDENTIFICATION = '01234567-89ab-cdef-0123-456789abcdef';
const EXAMPLE_URL = 'https://publisher.example/read';

export const MUST_BE_URL =
  'must be an absolute http or https URL without user information, or a relative reference such as /read';

/** The string is a URL to which a browser can be returned, or a relative reference. */
function IsVisitedUrl(): PropertyDecorator {
  return ValidateBy({
    name: 'isVisitedUrl',
    validator: {
      validate: (value) => typeof value === 'string' && (isReturnUrl(value) || isRelativeReference(value)),
      defaultMessage: () => MUST_BE_URL,
    },
  });
}

function IsAddress(): PropertyDecorator {
  return ValidateBy({
    name: 'isAddress',
    validator: {
      validate: (value) => typeof value === 'string' && readAddress(value) !== undefined,
      defaultMessage: () => 'must be an IPv4 or IPv6 address',
    },
  });
}

export class NewIdentification {
  @ApiProperty({ description: "The visitor's address, IPv4 or IPv6", maxLength: 45, example: '192.0.2.1' })
  @IsAddress()
  @IsPresent()
  ip!: string;

  @IsVisitedUrl()
  @Text({
    description:
      'The URL to return the visitor to. A relative reference is taken too; then nobody is sent to the WAYF page. With ' +
      '`identification=` from that page, the visitor is who signed in there',
    format: 'uri-reference',
    maxLength: LONGEST,
    example: EXAMPLE_URL,
  })
  url!: string;

  @Text({ description: 'May be empty', maxLength: LONGEST, example: 'example', required: false })
  user_agent?: string;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    format: 'idn-email',
    maxLength: 254,
    example: 'username@example.com',
  })
  @OptionalOrNull()
  @IsEmailAddress()
  email?: string | null;
}

export class FoundAccountView {
  @ApiProperty({ format: 'uuid', example: EXAMPLE_ID })
  id!: string;

  @ApiProperty({ type: String, nullable: true, example: 'example' })
  account_name!: string | null;

  @ApiProperty({ type: String, nullable: true, example: 'example' })
  publisher_reference!: string | null;

  @ApiProperty({ enum: ['individual', 'institution'], example: 'institution' })
  type!: 'individual' | 'institution';

  @ApiProperty({ example: false })
  individual!: boolean;

  @LegacyId()
  legacy_id!: string | null;

  @ApiProperty({ description: 'Always `true`: disabled accounts are not shown', example: true })
  active!: boolean;

  @ApiProperty({ format: 'date-time', example: '2015-01-01T12:00:00Z' })
  creation_date!: string;

  @ApiProperty({ format: 'date-time', example: '2015-01-01T12:00:00Z' })
  modified_date!: string;

  @ApiProperty()
  _links!: AccountLinks;
}

class Individual {
  @ApiProperty({ description: 'The name of the account, or its email if it has none', example: 'example' })
  display_name!: string;
}

/** A person, with a name that is never empty. */
export class FoundIndividualView extends OmitType(FoundAccountView, ['individual']) {
  @ApiProperty()
  individual!: Individual;
}

class IdentificationLinks {
  @ApiProperty({ example: { href: `http://127.0.0.1:3000/api/identifications/${EXAMPLE_IDENTIFICATION}` } })
  self!: Link;

  @ApiPropertyOptional({
    description:
      'The page on which an unidentified visitor can say where they are from; absent if `url` is relative. Its searches (`?q=`) and its form count among the requests of the visitor’s address (`RateLimit-Policy`: `requests`)',
    example: { href: `http://127.0.0.1:3000/wayf/${EXAMPLE_IDENTIFICATION}` },
  })
  wayf?: Link;
}

export class IdentificationView {
  @ApiProperty({ format: 'date-time', example: '2015-01-01T12:00:00Z' })
  created!: string;

  @ApiProperty({ format: 'uuid', example: EXAMPLE_IDENTIFICATION })
  id!: string;

  @ApiProperty({
    description: '`wayf` if no account was found: send the visitor to `_links.wayf`',
    enum: ['identified', 'wayf'],
    example: 'identified',
  })
  status!: 'identified' | 'wayf';

  @ApiProperty({ description: 'IPv4-mapped IPv6 addresses are shown as IPv4', example: '192.0.2.1' })
  ip!: string;

  @ApiProperty({ format: 'uri-reference', example: EXAMPLE_URL })
  url!: string;

  @ApiProperty({ example: 'example' })
  user_agent!: string;

  @ApiProperty({ type: String, format: 'idn-email', nullable: true, example: 'username@example.com' })
  email!: string | null;

  @ApiProperty({ description: 'The account that was found', type: FoundAccountView, nullable: true })
  account!: FoundAccountView | null;

  @ApiProperty({ description: 'The same as `account`', type: FoundAccountView, nullable: true })
  target_account!: FoundAccountView | null;

  @ApiProperty({
    description: '`account` once more, if it is a person: `individual` has the name',
    type: FoundIndividualView,
    nullable: true,
  })
  account_individual!: FoundIndividualView | null;

  @ApiProperty({
    description: 'The account that the domain of the email belongs to',
    type: FoundAccountView,
    nullable: true,
  })
  user_institution!: FoundAccountView | null;

  @ApiProperty()
  _links!: IdentificationLinks;
}

class TemplatedLink {
  @ApiProperty({ format: 'uri-template', example: 'http://127.0.0.1:3000/api/identifications/{id}' })
  href!: string;

  @ApiProperty({ description: '`href` is a URI template (RFC 6570)', example: true })
  templated!: boolean;
}

class EntryLinks {
  @ApiProperty({ example: { href: 'http://127.0.0.1:3000/api' } })
  self!: Link;

  @ApiProperty({ example: { href: 'http://127.0.0.1:3000/api/identifications' } })
  '@new_identification'!: Link;

  @ApiProperty({ example: { href: 'http://127.0.0.1:3000/api/identifications/{id}', templated: true } })
  '@get_identification'!: TemplatedLink;

  @ApiProperty({ example: { href: 'http://127.0.0.1:3000/api/accounts' } })
  '@new_account'!: Link;
}

export class EntryPoint {
  @ApiProperty()
  _links!: EntryLinks;
}

export function toEntryPoint(publicUrl: string): EntryPoint {
  return {
    _links: {
      self: { href: `${publicUrl}/api` },
      '@new_identification': { href: `${publicUrl}/api/identifications` },
      '@get_identification': { href: `${publicUrl}/api/identifications/{id}`, templated: true },
      '@new_account': { href: `${publicUrl}/api/accounts` },
    },
  };
}

export function toIdentificationView(record: IdentificationRecord, publicUrl: string): IdentificationView {
  const account = record.account && toFoundAccountView(record.account, publicUrl);
  return {
    created: toSeconds(record.createdAt),
    id: record.id,
    status: account ? 'identified' : 'wayf',
    ip: record.ip,
    url: record.url,
    user_agent: record.userAgent,
    email: record.email,
    account,
    target_account: account,
    account_individual:
      account && record.account?.individual ? toFoundIndividualView(account, record.account, record.email) : null,
    user_institution: record.institution && toFoundAccountView(record.institution, publicUrl),
    _links: {
      self: { href: `${publicUrl}/api/identifications/${record.id}` },
      ...(isReturnUrl(record.url) && { wayf: { href: `${publicUrl}/wayf/${record.id}` } }),
    },
  };
}

function toFoundAccountView(account: FoundAccount, publicUrl: string) {
  const { id, legacyId, name, publisherReference, individual } = account;
  return {
    id,
    legacy_id: legacyId,
    account_name: name,
    publisher_reference: publisherReference,
    type: typeOf(account),
    individual,
    active: true,
    creation_date: toSeconds(new Date(account.createdAt)),
    modified_date: toSeconds(new Date(account.updatedAt)),
    _links: linksOf(account, publicUrl),
  };
}

/** @param shown the email that the client has: it is told no other one */
function toFoundIndividualView(
  view: ReturnType<typeof toFoundAccountView>,
  { name, email, id }: FoundAccount,
  shown: string | null,
): FoundIndividualView {
  const isShown = email !== null && shown !== null && foldEmail(email) === foldEmail(shown);
  return { ...view, individual: { display_name: name ?? (isShown ? email : id) } };
}
