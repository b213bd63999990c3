import { applyDecorators } from '@nestjs/common';
import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsString, Matches, ValidateBy } from 'class-validator';
import { Field, Text, type FieldOptions } from '../http/fields.js';
import { HasAtMostCharacters, IsListOf, MUST_BE_EMAIL, MUST_BE_STRING, Optional } from '../http/validation.js';
import { LONGEST_EMAIL, readEmail } from '../emails/email-address.js';
import { EXAMPLE_EMAIL } from './accounts.dto.js';
import { LONGEST_DOMAIN, readEmailDomain } from '../emails/email-domains.js';
import { LONGEST_NETWORK, readNetwork } from './networks.js';

/** How many networks, and how many domains, an account can have. */
const MOST_ENTRIES = 400;

export const NETWORKS = ['192.0.2.0/24', '2001:db8::/32'];
export const CANNOT_BE_CHANGED = 'cannot be changed';
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
export function Email({ description, nullable, required }: FieldOptions = {}): PropertyDecorator {
  return Field(
    {
      ...(description !== undefined && { description }),
      type: String,
      format: 'idn-email',
      maxLength: LONGEST_EMAIL,
      ...(nullable && { nullable }),
      ...(required === false && { required }),
      example: EXAMPLE_EMAIL,
    },
    IsEmailAddress(),
  );
}

const ONE_LINE = /^\P{Cc}*$/u;

/** The fields of an account that clients and admins alike can set. */
export class InstitutionFields {
  @Matches(ONE_LINE, { message: 'must be one line' })
  @Text({ nullable: true, maxLength: 255, example: 'example' })
  publisher_reference?: string | null;

  @ApiPropertyOptional({
    description: 'Networks whose visitors belong to the account, IPv4 and IPv6. Replaces the current list',
    type: 'array',
    items: { type: 'string', maxLength: LONGEST_NETWORK },
    maxItems: MOST_ENTRIES,
    example: NETWORKS,
  })
  @Optional()
  @IsListOf(readNetwork, MOST_ENTRIES)
  networks?: string[];

  @ApiPropertyOptional({
    description:
      'Domains whose email addresses belong to the account; `*.example.org` matches all subdomains, but not the domain ' +
      'itself. Replaces those that it had',
    type: 'array',
    items: { type: 'string', maxLength: LONGEST_DOMAIN },
    maxItems: MOST_ENTRIES,
    example: EMAIL_DOMAINS,
  })
  @Optional()
  @IsListOf(readEmailDomain, MOST_ENTRIES)
  email_domains?: string[];
}
