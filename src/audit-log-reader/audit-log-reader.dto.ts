import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { EXAMPLE_EMAIL, EXAMPLE_ID } from '../accounts/accounts.dto.js';
import { PageCursor } from '../http/cursor.js';
import { Choice, Id, Text } from '../http/fields.js';
import { IsTime, Optional } from '../http/validation.js';
import type { Outcome } from '../audit-log/audit-events.entity.js';
import type { AuditRecord } from './audit-log-reader.store.js';
import { AUDIT_KINDS, type AuditKind } from '../audit-log/audit-kinds.js';

const OUTCOMES: Outcome[] = ['success', 'failure', 'refused'];
export const MUST_BE_OUTCOME = `must be one of ${OUTCOMES.join(', ')}`;
const EXAMPLE_APP_TOKEN_ID = '0b6c6a1e-6a5f-4d0e-9f7e-0f1f6f3f7d55';

/** Which events are asked for: those to which all that is given applies. */
export class AuditFilter {
  @Text({
    description: 'The id of who acted: an account, a client, or the App-Token where there was nobody else',
    maxLength: 255,
    example: EXAMPLE_ID,
    required: false,
  })
  actor?: string;

  @Id({
    description: 'The id of the App-Token that was used, by whomever',
    example: EXAMPLE_APP_TOKEN_ID,
    required: false,
  })
  app_token?: string;

  @Id({
    description: 'The id of the account that somebody else acted for',
    example: EXAMPLE_ID,
    required: false,
  })
  on_behalf_of?: string;

  @Text({ description: 'The id of what was acted on', maxLength: 255, example: EXAMPLE_ID, required: false })
  subject?: string;

  @Choice(AUDIT_KINDS, 'must be a known kind', { description: 'What was done', example: 'sign_in', required: false })
  kind?: AuditKind;

  @Choice(OUTCOMES, MUST_BE_OUTCOME, { description: 'How it ended', example: 'failure', required: false })
  outcome?: Outcome;

  @ApiPropertyOptional({ description: 'Not before', format: 'date-time', example: '2026-11-22T00:00:00Z' })
  @Optional()
  @IsTime()
  from?: string;

  @ApiPropertyOptional({ description: 'Before', format: 'date-time', example: '2126-11-22T00:00:00Z' })
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

  @ApiProperty({ description: 'What was done; one of the known kinds', example: 'sign_in' })
  kind!: string;

  @ApiProperty({
    description: '`failure`: it was tried, and did not work; `refused`: it was not allowed',
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
    description: 'The account that was acted for',
    type: String,
    format: 'uuid',
    nullable: true,
    example: null,
  })
  on_behalf_of!: string | null;

  @ApiProperty({
    description: 'The id of what was acted on; of a limit its name',
    type: String,
    nullable: true,
    example: EXAMPLE_ID,
  })
  subject!: string | null;

  @ApiProperty({ description: 'From where', type: String, nullable: true, example: '192.0.2.1' })
  address!: string | null;

  @ApiProperty({
    description: 'In which request; the log has it too',
    type: String,
    nullable: true,
    example: '6c2f41c2-9f32-4f0b-bb39-5a2d5e1f8f0a',
  })
  request_id!: string | null;

  @ApiProperty({
    description: 'The email that was given; null when there was none, or its account has been deleted',
    type: String,
    nullable: true,
    example: EXAMPLE_EMAIL,
  })
  email!: string | null;

  @ApiProperty({ description: 'What else there is to know', type: 'object', additionalProperties: true, example: {} })
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
    on_behalf_of: record.onBehalfOf,
    subject: record.subject,
    address: record.address,
    request_id: record.requestId,
    email: record.email,
    details: record.details,
  };
}
