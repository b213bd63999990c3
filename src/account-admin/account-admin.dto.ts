import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsEmail, IsIn, IsString, ValidateIf } from 'class-validator';
import type { Role } from '../accounts/account.entity.js';
import { EXAMPLE_EMAIL, EXAMPLE_ID } from '../accounts/accounts.dto.js';
import { EMAIL_DOMAINS, InstitutionFields, NETWORKS } from '../accounts/account-fields.dto.js';
import { PASSWORD_MAX_BYTES } from '../accounts/password-hasher.js';
import {
  HasAtMostBytes,
  isGiven,
  IsName,
  IsRefused,
  IsUuid,
  MaxLength,
  MUST_BE_EMAIL,
  MUST_BE_STRING,
} from '../http/validation.js';
import { SessionView } from '../sessions/account-sessions.dto.js';
import type { AdminAccount } from './account-admin.store.js';

const ROLES: Role[] = ['admin', 'user'];
const MUST_BE_ROLE = { message: 'must be admin or user' };
const MUST_BE_BOOLEAN = { message: 'must be true or false' };
const TOO_LONG = { message: 'must be at most 255 characters' };
const NAME = { description: 'Unique', maxLength: 255, example: 'example' };

const isValue = (_: object, value: unknown) => value !== undefined && value !== null;

export class NewAccountBody extends InstitutionFields {
  @ApiPropertyOptional({
    description: 'Required for a person. Without a password, an invitation is mailed to it',
    format: 'idn-email',
    maxLength: 254,
    example: EXAMPLE_EMAIL,
  })
  @ValidateIf(isGiven)
  @MaxLength(254, MUST_BE_EMAIL)
  @IsEmail({}, MUST_BE_EMAIL)
  @IsString(MUST_BE_STRING)
  email?: string;

  @ApiPropertyOptional({ description: 'PASSWORD_MIN_LENGTH characters to 72 bytes', example: 'example' })
  @ValidateIf(isGiven)
  @HasAtMostBytes(PASSWORD_MAX_BYTES)
  @IsString(MUST_BE_STRING)
  password?: string;

  @ApiPropertyOptional({ ...NAME, description: 'Unique; required for an organisation' })
  @ValidateIf(isGiven)
  @IsName()
  @MaxLength(255, TOO_LONG)
  @IsString(MUST_BE_STRING)
  name?: string;

  @ApiPropertyOptional({ enum: ROLES, default: 'user', example: 'user' })
  @ValidateIf(isGiven)
  @IsIn(ROLES, MUST_BE_ROLE)
  role?: Role;

  @ApiPropertyOptional({ description: 'A person; false: an organisation', default: true, example: true })
  @ValidateIf(isGiven)
  @IsBoolean(MUST_BE_BOOLEAN)
  individual?: boolean;

  @ValidateIf(isGiven)
  @IsRefused('You cannot specify your own id.')
  id?: never;
}

export class AccountChanges extends InstitutionFields {
  @ApiPropertyOptional({
    description: 'null: none, for an organisation. The old address is told, with a link that undoes it within 48 hours',
    type: String,
    format: 'idn-email',
    maxLength: 254,
    nullable: true,
    example: EXAMPLE_EMAIL,
  })
  @ValidateIf(isValue)
  @MaxLength(254, MUST_BE_EMAIL)
  @IsEmail({}, MUST_BE_EMAIL)
  @IsString(MUST_BE_STRING)
  email?: string | null;

  @ApiPropertyOptional({ ...NAME, description: 'Unique; null: none, for a person', type: String, nullable: true })
  @ValidateIf(isValue)
  @IsName()
  @MaxLength(255, TOO_LONG)
  @IsString(MUST_BE_STRING)
  name?: string | null;

  @ApiPropertyOptional({ enum: ROLES, example: 'user' })
  @ValidateIf(isGiven)
  @IsIn(ROLES, MUST_BE_ROLE)
  role?: Role;

  @ApiPropertyOptional({
    description:
      'true: ends everything that the account has open, and refuses it everywhere. false: it may sign in again; what was ' +
      'ended stays so',
    example: false,
  })
  @ValidateIf(isGiven)
  @IsBoolean(MUST_BE_BOOLEAN)
  disabled?: boolean;

  @ValidateIf(isGiven)
  @IsRefused('cannot be changed')
  id?: never;

  @ValidateIf(isGiven)
  @IsRefused('cannot be changed')
  individual?: never;

  @ApiPropertyOptional({
    description: 'null: takes it away, and ends what it opened. Its holder asks for a link and chooses another',
    type: String,
    nullable: true,
    example: null,
  })
  @ValidateIf(isGiven)
  @IsIn([null], { message: 'can only be taken away (null): its holder chooses it' })
  password?: null;
}

/** Which accounts are asked for: those to which all that is given applies. */
export class AccountFilter {
  @ApiPropertyOptional({ description: 'The id of the account', format: 'uuid', example: EXAMPLE_ID })
  @ValidateIf(isGiven)
  @IsUuid()
  id?: string;

  @ApiPropertyOptional({ description: 'How the email begins, in whatever case', maxLength: 254, example: 'fred@' })
  @ValidateIf(isGiven)
  @MaxLength(254, { message: 'must be at most 254 characters' })
  @IsString(MUST_BE_STRING)
  email?: string;

  @ApiPropertyOptional({ description: 'How the name begins, in whatever case', maxLength: 255, example: 'exa' })
  @ValidateIf(isGiven)
  @MaxLength(255, TOO_LONG)
  @IsString(MUST_BE_STRING)
  name?: string;

  @ApiPropertyOptional({ description: 'Its role', enum: ROLES, example: 'user' })
  @ValidateIf(isGiven)
  @IsIn(ROLES, MUST_BE_ROLE)
  role?: Role;

  @ApiPropertyOptional({ description: 'Persons; false: organisations', enum: ['true', 'false'], example: 'true' })
  @ValidateIf(isGiven)
  @IsIn(['true', 'false'], MUST_BE_BOOLEAN)
  individual?: 'true' | 'false';

  @ApiPropertyOptional({ description: 'Disabled ones; false: enabled ones', enum: ['true', 'false'], example: 'false' })
  @ValidateIf(isGiven)
  @IsIn(['true', 'false'], MUST_BE_BOOLEAN)
  disabled?: 'true' | 'false';

  @ApiPropertyOptional({
    description: 'From `Link`',
    example: '7000000000000000.ffffffff-ffff-ffff-ffff-ffffffffffff',
  })
  @ValidateIf(isGiven)
  @IsString(MUST_BE_STRING)
  cursor?: string;
}

/** An account as admins see it. */
export class AdminAccountView {
  @ApiProperty({ format: 'uuid', example: EXAMPLE_ID })
  id!: string;

  @ApiProperty({ type: String, format: 'idn-email', nullable: true, example: EXAMPLE_EMAIL })
  email!: string | null;

  @ApiProperty({
    description: 'null: nobody has shown yet that it is theirs',
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

  @ApiProperty({ description: 'A person; false: an organisation', example: true })
  individual!: boolean;

  @ApiProperty({ enum: ROLES, example: 'user' })
  role!: Role;

  @ApiProperty({ description: 'Without one, nobody signs in', example: true })
  has_password!: boolean;

  @ApiProperty({ type: [String], example: NETWORKS })
  networks!: string[];

  @ApiProperty({ type: [String], example: EMAIL_DOMAINS })
  email_domains!: string[];

  @ApiProperty({ type: String, format: 'date-time', example: '2026-11-22T12:00:00.000Z' })
  created_at!: Date;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-11-22T12:00:00.000Z' })
  updated_at!: Date;

  @ApiProperty({ description: 'null: it is not', type: String, format: 'date-time', nullable: true, example: null })
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
    email: account.email,
    email_verified_at: account.emailVerifiedAt,
    name: account.name,
    publisher_reference: account.publisherReference,
    individual: account.individual,
    role: account.role,
    has_password: account.hasPassword,
    networks: account.networks,
    email_domains: account.emailDomains,
    created_at: account.createdAt,
    updated_at: account.updatedAt,
    disabled_at: account.disabledAt,
  };
}
