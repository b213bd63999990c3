import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { EXAMPLE_EMAIL, EXAMPLE_ID } from '../accounts/accounts.dto.js';
import { PageCursor } from '../http/cursor.js';
import { NamesAccount } from '../http/account-ids.js';
import { AccountId, Choice, Id, Text } from '../http/fields.js';
import { IsTime, Optional } from '../http/validation.js';
import type { Outcome } from '../audit-log/audit-events.entity.js';
import type { AuditRecord } from './audit-log-reader.store.js';
import { AUDIT_KINDS, type AuditKind } from '../audit-log/audit-kinds.js';

const OUTCOMES: Outcome[] = ['success', 'failure', 'refused'];
export const MUST_BE_OUTCOME = `must be one of ${OUTCOMES.join(', ')}`;
const EXAMPLE_APP_TOKEN_ID = '0b6c6a1e-6a5f-4d0e-9f7e-0f1f6f3f7d55';

/** Selects the events that match all given filters. */
export class AuditFilter {
  @NamesAccount({ isFree: true })
  @Text({
    description:
      'The id of the account or client that acted, or of the App-Token if it acted by itself. Accounts by their `legacy_id` too',
    maxLength: 255,
    example: EXAMPLE_ID,
    required: false,
  })
  actor?: string;

  @Id({
    description: 'The id of the App-Token that was used',
    example: EXAMPLE_APP_TOKEN_ID,
    required: false,
  })
  app_token?: string;

  @AccountId({
    description: 'The id of the account on whose behalf another account acted',
    example: EXAMPLE_ID,
    required: false,
  })
  on_behalf_of?: string;

  @NamesAccount({ isFree: true })
  @Text({
    description: 'The id of what was acted on. Accounts by their `legacy_id` too',
    maxLength: 255,
    example: EXAMPLE_ID,
    required: false,
  })
  subject?: string;

  @Choice(AUDIT_KINDS, 'must be a known event kind', {
    description: 'The kind of event',
    example: 'sign_in',
    required: false,
  })
  kind?: AuditKind;

  @Choice(OUTCOMES, MUST_BE_OUTCOME, { description: 'The outcome of the event', example: 'failure', required: false })
  outcome?: Outcome;

  @ApiPropertyOptional({
    description: 'The earliest time, inclusive',
    format: 'date-time',
    example: '2026-11-22T00:00:00Z',
  })
  @Optional()
  @IsTime()
  from?: string;

  @ApiPropertyOptional({
    description: 'The latest time, exclusive',
    format: 'date-time',
    example: '2126-11-22T00:00:00Z',
  })
  @Optional()
  @IsTime()
  to?: string;

  @PageCursor()
  cursor?: string;
}

export class AuditEventView {
  @ApiProperty({ format: 'uuid', example: '5d0e0b6c-6a1e-4a5f-9f7e-0f1f6f3f7d55' })
  id!: string;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-11-22T12:00:00.000Z' })
  at!: Date;

  @ApiProperty({ description: 'The kind of event', example: 'sign_in' })
  kind!: string;

  @ApiProperty({
    description: '`failure`: the attempt failed; `refused`: it was not allowed',
    enum: OUTCOMES,
    example: 'failure',
  })
  outcome!: Outcome;

  @ApiProperty({ description: 'The account that acted', type: String, format: 'uuid', nullable: true, example: null })
  account!: string | null;

  @ApiProperty({ description: 'The client that acted', type: String, nullable: true, example: null })
  client!: string | null;

  @ApiProperty({
    description: 'The id of the App-Token that was used',
    type: String,
    format: 'uuid',
    nullable: true,
    example: EXAMPLE_APP_TOKEN_ID,
  })
  app_token!: string | null;

  @ApiProperty({
    description: 'The name of that App-Token; `null` if it has none, or is gone',
    type: String,
    nullable: true,
    example: 'The till',
  })
  app_token_name!: string | null;

  @ApiProperty({
    description: 'The account on whose behalf the actor acted',
    type: String,
    format: 'uuid',
    nullable: true,
    example: null,
  })
  on_behalf_of!: string | null;

  @ApiProperty({
    description: 'The id of what was acted on, or the name of a limit that was reached',
    type: String,
    nullable: true,
    example: EXAMPLE_ID,
  })
  subject!: string | null;

  @ApiProperty({ description: 'The IP address of the client', type: String, nullable: true, example: '192.0.2.1' })
  address!: string | null;

  @ApiProperty({
    description: 'The id of the request, which is also in the server log',
    type: String,
    nullable: true,
    example: '6c2f41c2-9f32-4f0b-bb39-5a2d5e1f8f0a',
  })
  request_id!: string | null;

  @ApiProperty({
    description: 'The email that the event concerns; `null` if there is none or its account has been deleted',
    type: String,
    nullable: true,
    example: EXAMPLE_EMAIL,
  })
  email!: string | null;

  @ApiProperty({
    description: 'Further details, depending on the kind',
    type: 'object',
    additionalProperties: true,
    example: {},
  })
  details!: Record<string, unknown>;
}

export class AuditEventList {
  @ApiProperty({ type: [AuditEventView] })
  audit_events!: AuditEventView[];
}

export function toAuditEventView(record: AuditRecord): AuditEventView {
  return {
    id: record.id,
    at: record.at,
    kind: record.kind,
    outcome: record.outcome,
    account: record.actorId,
    client: record.clientId,
    app_token: record.appTokenId,
    app_token_name: record.appTokenName,
    on_behalf_of: record.onBehalfOf,
    subject: record.subject,
    address: record.address,
    request_id: record.requestId,
    email: record.email,
    details: record.details,
  };
}
