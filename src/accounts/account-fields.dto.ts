import { applyDecorators } from '@nestjs/common';
import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsString, Matches, ValidateBy, type ValidationArguments } from 'class-validator';
import { Field, Flag, Text, type FieldOptions } from '../http/fields.js';
import {
  HasAtMostCharacters,
  IsReadBy,
  LONGEST_NAME,
  MUST_BE_EMAIL,
  MUST_BE_STRING,
  Optional,
} from '../http/validation.js';
import { LONGEST_LOCALE, readLocale } from '../messages/languages.js';
import { LONGEST_EMAIL, readEmail } from '../emails/email-address.js';
import { EXAMPLE_EMAIL } from './accounts.dto.js';
import { LONGEST_DOMAIN } from '../emails/email-domains.js';
import {
  LONGEST_LIST,
  MOST_ALIASES,
  MOST_DOMAINS,
  readAliasList,
  readDomainList,
  readNetworkList,
  type ListReading,
} from './institution-lists.js';
import { LONGEST_ENTRY, MOST_NETWORKS } from './network-lists.js';

export const NETWORKS = ['192.0.2.0/24', '2001:db8::/32'];
export const CANNOT_BE_CHANGED = 'cannot be changed';
export const ALIASES = ['EX', 'Example College'];
export const EMAIL_DOMAINS = ['example.org', '*.example.org'];

/** The text is an email address. */
export const IsEmailAddress = (): PropertyDecorator =>
  applyDecorators(
    IsString(MUST_BE_STRING),
    HasAtMostCharacters(LONGEST_EMAIL, MUST_BE_EMAIL.message),
    ValidateBy({
      name: 'isEmailAddress',
      validator: {
        validate: (value) => typeof value === 'string' && 'value' in readEmail(value),
        defaultMessage: () => MUST_BE_EMAIL.message,
      },
    }),
  );

/** The email of an account. */
export function Email({
  description,
  nullable,
  required,
  example = EXAMPLE_EMAIL,
}: FieldOptions = {}): PropertyDecorator {
  return Field(
    {
      ...(description !== undefined && { description }),
      type: String,
      format: 'idn-email',
      maxLength: LONGEST_EMAIL,
      ...(nullable && { nullable }),
      ...(required === false && { required }),
      example,
    },
    IsEmailAddress(),
  );
}

/** The language of somebody's mails. */
export function Locale({ required = false } = {}): PropertyDecorator {
  return Field(
    {
      description:
        'The language of its mails, a tag of BCP 47; in English where there is no translation. Sign-up takes it from ' +
        '`Accept-Language`. `null`: English',
      type: String,
      nullable: true,
      required,
      maxLength: LONGEST_LOCALE,
      example: 'de',
    },
    IsReadBy(readLocale),
  );
}

const ONE_LINE = /^\P{Cc}*$/u;

/** The fields of an account that clients and admins alike can set. */
export class InstitutionFields {
  @Matches(ONE_LINE, { message: 'must be one line' })
  @Text({ nullable: true, maxLength: 255, example: 'example' })
  publisher_reference?: string | null;

  @ApiPropertyOptional({
    description:
      'Other names of an organisation, such as its acronym and its name in other languages, under which visitors find it: ' +
      'a list, or one text with a name in each line. They need not be unique. Replaces those that it had',
    oneOf: [
      { type: 'array', items: { type: 'string', maxLength: LONGEST_NAME }, maxItems: MOST_ALIASES },
      { type: 'string', maxLength: LONGEST_LIST },
    ],
    example: ALIASES,
  })
  @Optional()
  @IsAliases()
  aliases?: string[] | string;

  @ApiPropertyOptional({
    description:
      'Networks whose visitors belong to the account, IPv4 and IPv6: a list, or one text with an entry in each line. An ' +
      'entry may be a range (`192.0.2.1-192.0.2.9`, `192.0.2.1-9`), a pattern (`192.0.*.*`) or have a mask ' +
      '(`192.0.2.0/255.255.255.0`); what is not one network becomes several. Replaces the current list',
    oneOf: [
      { type: 'array', items: { type: 'string', maxLength: LONGEST_ENTRY }, maxItems: MOST_NETWORKS },
      { type: 'string', maxLength: LONGEST_LIST },
    ],
    example: NETWORKS,
  })
  @Optional()
  @IsNetworks()
  networks?: string[] | string;

  @Flag({
    description:
      'Whether `networks` may hold private, loopback or multicast addresses, or a large part of the internet, such as ' +
      '10.0.0.0/8 or 0.0.0.0/1',
    example: false,
    required: false,
  })
  allow_wide?: boolean;

  @ApiPropertyOptional({
    description:
      'Domains whose email addresses belong to the account: a list, or one text with a domain in each line. ' +
      '`*.example.org` matches all subdomains, but not the domain itself. Replaces those that it had',
    oneOf: [
      { type: 'array', items: { type: 'string', maxLength: LONGEST_DOMAIN }, maxItems: MOST_DOMAINS },
      { type: 'string', maxLength: LONGEST_LIST },
    ],
    example: EMAIL_DOMAINS,
  })
  @Optional()
  @IsEmailDomains()
  email_domains?: string[] | string;
}

/** The value is a list of networks, or a text of lines. */
function IsNetworks(): PropertyDecorator {
  return ValidateBy({
    name: 'isNetworks',
    validator: {
      validate: (value, args) => problemOfNetworks(value, args) === undefined,
      defaultMessage: (args) => problemOfNetworks(args?.value, args) ?? '',
    },
  });
}

const problemOfNetworks = (value: unknown, args?: ValidationArguments) =>
  problemIn(readNetworkList(value, (args?.object as InstitutionFields | undefined)?.allow_wide === true));

/** The value is a list of names, or a text of lines. */
function IsAliases(): PropertyDecorator {
  return ValidateBy({
    name: 'isAliases',
    validator: {
      validate: (value) => problemIn(readAliasList(value)) === undefined,
      defaultMessage: (args) => problemIn(readAliasList(args?.value)) ?? '',
    },
  });
}

/** The value is a list of domains, or a text of lines. */
function IsEmailDomains(): PropertyDecorator {
  return ValidateBy({
    name: 'isEmailDomains',
    validator: {
      validate: (value) => problemIn(readDomainList(value)) === undefined,
      defaultMessage: (args) => problemIn(readDomainList(args?.value)) ?? '',
    },
  });
}

const problemIn = (reading: ListReading) => ('problem' in reading ? reading.problem : undefined);
