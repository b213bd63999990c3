import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsString, Matches, ValidateIf } from 'class-validator';
import { isGiven, IsListOf, MaxLength, MUST_BE_STRING } from '../http/validation.js';
import { readEmailDomain } from './email-domains.js';
import { readNetwork } from './networks.js';

/** How many networks, and how many domains, an account can have. */
const MOST_ENTRIES = 400;

export const NETWORKS = ['192.0.2.0/24', '2001:db8::/32'];
export const EMAIL_DOMAINS = ['example.org', '*.example.org'];

const ONE_LINE = /^\P{Cc}*$/u;

/** What clients and admins alike say of an account. */
export class InstitutionFields {
  @ApiPropertyOptional({ type: String, nullable: true, maxLength: 255, example: 'example' })
  @ValidateIf((_, value) => value !== undefined && value !== null)
  @Matches(ONE_LINE, { message: 'must be one line' })
  @MaxLength(255, { message: 'must be at most 255 characters' })
  @IsString(MUST_BE_STRING)
  publisher_reference?: string | null;

  @ApiPropertyOptional({
    description: 'Networks from which visitors belong to the account, IPv4 and IPv6; replaces those that it had',
    type: [String],
    maxItems: MOST_ENTRIES,
    example: NETWORKS,
  })
  @ValidateIf(isGiven)
  @IsListOf(readNetwork, MOST_ENTRIES)
  networks?: string[];

  @ApiPropertyOptional({
    description:
      'Domains whose email addresses belong to the account; `*.` stands for all domains below, and not for the domain ' +
      'itself. Replaces those that it had',
    type: [String],
    maxItems: MOST_ENTRIES,
    example: EMAIL_DOMAINS,
  })
  @ValidateIf(isGiven)
  @IsListOf(readEmailDomain, MOST_ENTRIES)
  email_domains?: string[];
}
