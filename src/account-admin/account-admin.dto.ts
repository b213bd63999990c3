import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn } from 'class-validator';
import type { Role } from '../accounts/accounts.entity.js';
import { EXAMPLE_EMAIL, EXAMPLE_ID, LegacyId } from '../accounts/accounts.dto.js';
import {
  ALIASES,
  CANNOT_BE_CHANGED,
  Email,
  EMAIL_DOMAINS,
  InstitutionFields,
  Locale,
  NETWORKS,
} from '../accounts/account-fields.dto.js';
import { NewPassword } from '../passwords/passwords.dto.js';
import { PageCursor } from '../http/cursor.js';
import { AccountId, Choice, Flag, Name, Text, type FieldOptions } from '../http/fields.js';
import { ChecksBySettings, type SettingsCheck } from '../http/request-validation.js';
import { IsRefused, MUST_BE_BOOLEAN, notYourOwn, Optional } from '../http/validation.js';
import { SessionView } from '../sessions/account-sessions.dto.js';
import { CurrentPassword } from '../sessions/reauthentication.dto.js';
import type { AdminAccount } from './account-admin.store.js';

const ROLES: Role[] = ['admin', 'user'];
export const MUST_BE_ROLE = 'must be admin or user';

const RoleName = (options: FieldOptions = {}): PropertyDecorator =>
  Choice(ROLES, MUST_BE_ROLE, { ...options, example: 'user', required: false });

/** A boolean in a query string. */
const FlagText = (options: FieldOptions): PropertyDecorator =>
  Choice(['true', 'false'], MUST_BE_BOOLEAN.message, { ...options, required: false });

export const NEEDED_BY_PERSON = 'is required for a person';
export const NEEDED_BY_ORGANISATION = 'is required for an organisation';

/** A password is of no use without an email, and an email needs a password where nobody is invited. */
const problemOfPassword: SettingsCheck = (password, body, { signup }) => {
  const { email, individual } = body as NewAccountBody;
  if (email === undefined) return individual === false && password !== undefined ? 'requires an email' : undefined;
  return password === undefined && signup === 'closed'
    ? 'is required, as invitations are disabled (SIGNUP=closed)'
    : undefined;
};

export class NewAccountBody extends InstitutionFields {
  @ChecksBySettings((email, body) =>
    email === undefined && (body as NewAccountBody).individual !== false ? NEEDED_BY_PERSON : undefined,
  )
  @Email({
    description: 'Required for a person. Without a password, an invitation is sent to it',
    // Not that of a sign-up, which may have been tried before.
    example: 'wilma@bedrockisp.com',
    required: false,
  })
  email?: string;

  @ChecksBySettings(problemOfPassword)
  @NewPassword({
    description: 'With INITIAL_PASSWORD_TTL it is only good for so long, unless its holder chooses another one',
    required: false,
  })
  password?: string;

  @ChecksBySettings((name, body) =>
    name === undefined && (body as NewAccountBody).individual === false ? NEEDED_BY_ORGANISATION : undefined,
  )
  @Name({ description: 'Unique; required for an organisation', example: 'Wilma', required: false })
  name?: string;

  @RoleName({ default: 'user' })
  role?: Role;

  @CurrentPassword()
  current_password?: string;

  @Flag({
    description: 'Whether the account is a person; otherwise an organisation',
    default: true,
    example: true,
    required: false,
  })
  individual?: boolean;

  @Locale()
  locale?: string | null;

  @IsRefused(notYourOwn('id'))
  id?: never;
}

export class AccountChanges extends InstitutionFields {
  @Email({
    description:
      'The old address is notified, with a link to undo the change within 48 hours. `null` removes the email ' +
      'of an organisation',
    nullable: true,
  })
  email?: string | null;

  @Name({ description: 'Unique. `null` removes the name of a person', nullable: true })
  name?: string | null;

  @RoleName()
  role?: Role;

  @Flag({
    description:
      '`true` revokes all sessions and tokens of the account and blocks it. `false` lets it sign in again, but restores ' +
      'nothing',
    example: false,
    required: false,
  })
  disabled?: boolean;

  @Locale()
  locale?: string | null;

  @IsRefused(CANNOT_BE_CHANGED)
  id?: never;

  @IsRefused(CANNOT_BE_CHANGED)
  individual?: never;

  @ApiPropertyOptional({
    description:
      '`null` removes the password and revokes all sessions and user tokens. The account holder can request a link to ' +
      'choose a new one',
    type: String,
    nullable: true,
    enum: [null],
    example: null,
  })
  @Optional()
  @IsIn([null], { message: 'must be null: only the account holder can choose a password' })
  password?: null;

  @CurrentPassword()
  current_password?: string;
}

/** Selects the accounts that match all given filters. */
export class AccountFilter {
  @AccountId({ description: 'The id of the account', example: EXAMPLE_ID, required: false })
  id?: string;

  @Text({ description: 'Beginning of the email, case-insensitive', maxLength: 254, example: 'fred@', required: false })
  email?: string;

  @Text({ description: 'Beginning of the name, case-insensitive', maxLength: 255, example: 'exa', required: false })
  name?: string;

  @RoleName({ description: 'The role of the account' })
  role?: Role;

  @FlagText({ description: '`true`: only people; `false`: only organisations', example: 'true' })
  individual?: 'true' | 'false';

  @FlagText({ description: '`true`: only disabled accounts; `false`: only enabled ones', example: 'false' })
  disabled?: 'true' | 'false';

  @PageCursor()
  cursor?: string;
}

/** An account as admins see it. */
export class AdminAccountView {
  @ApiProperty({ format: 'uuid', example: EXAMPLE_ID })
  id!: string;

  @LegacyId()
  legacy_id!: string | null;

  @ApiProperty({ type: String, format: 'idn-email', nullable: true, example: EXAMPLE_EMAIL })
  email!: string | null;

  @ApiProperty({
    description: 'When the email was verified; `null` if it was not',
    type: String,
    format: 'date-time',
    nullable: true,
    example: '2026-11-22T12:00:00.000Z',
  })
  email_verified_at!: Date | null;

  @ApiProperty({ type: String, nullable: true, example: 'example' })
  name!: string | null;

  @ApiProperty({ type: String, nullable: true, example: 'example' })
  publisher_reference!: string | null;

  @ApiProperty({ description: 'Whether the account is a person; otherwise an organisation', example: true })
  individual!: boolean;

  @ApiProperty({ enum: ROLES, example: 'user' })
  role!: Role;

  @ApiProperty({ description: 'Whether the account has a password, without which it cannot sign in', example: true })
  has_password!: boolean;

  @ApiProperty({ description: 'Other names of an organisation', type: [String], example: ALIASES })
  aliases!: string[];

  @ApiProperty({ type: [String], example: NETWORKS })
  networks!: string[];

  @ApiProperty({ type: [String], example: EMAIL_DOMAINS })
  email_domains!: string[];

  @ApiProperty({ description: 'Of its mails; `null`: English', type: String, nullable: true, example: 'de' })
  locale!: string | null;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-11-22T12:00:00.000Z' })
  created_at!: Date;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-11-22T12:00:00.000Z' })
  updated_at!: Date;

  @ApiProperty({
    description: 'When the account was disabled; `null` if it is enabled',
    type: String,
    format: 'date-time',
    nullable: true,
    example: null,
  })
  disabled_at!: Date | null;
}

export class AdminAccountList {
  @ApiProperty({ type: [AdminAccountView] })
  accounts!: AdminAccountView[];
}

export class SessionList {
  @ApiProperty({ type: [SessionView] })
  sessions!: SessionView[];
}

export function toAdminAccountView(account: AdminAccount): AdminAccountView {
  return {
    id: account.id,
    legacy_id: account.legacyId,
    email: account.email,
    email_verified_at: account.emailVerifiedAt,
    name: account.name,
    publisher_reference: account.publisherReference,
    individual: account.individual,
    role: account.role,
    has_password: account.hasPassword,
    aliases: account.aliases,
    networks: account.networks,
    email_domains: account.emailDomains,
    locale: account.locale,
    created_at: account.createdAt,
    updated_at: account.updatedAt,
    disabled_at: account.disabledAt,
  };
}
