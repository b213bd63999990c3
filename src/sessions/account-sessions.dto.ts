import { ApiProperty } from '@nestjs/swagger';
import type { SessionRecord } from './sessions.store.js';

export const EXAMPLE_SESSION_ID = '0b6c6a1e-6a5f-4d0e-9f7e-0f1f6f3f7d55';

export class SessionView {
  @ApiProperty({ description: 'The `sid` claim of its JWTs', format: 'uuid', example: EXAMPLE_SESSION_ID })
  id!: string;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-11-22T12:00:00.000Z' })
  created_at!: Date;

  @ApiProperty({
    description: 'Accurate to a few seconds; `null` if it has not been used yet',
    type: String,
    format: 'date-time',
    nullable: true,
    example: '2026-11-22T12:30:00.000Z',
  })
  last_used_at!: Date | null;

  @ApiProperty({
    description: 'When it expires unless it is refreshed',
    type: String,
    format: 'date-time',
    example: '2026-11-23T12:00:00.000Z',
  })
  expires_at!: Date;

  @ApiProperty({
    description: 'The IP address that opened or last refreshed it',
    type: String,
    nullable: true,
    example: '192.0.2.1',
  })
  address!: string | null;

  @ApiProperty({
    description: 'The user agent that opened or last refreshed it',
    type: String,
    maxLength: 512,
    nullable: true,
    example: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  })
  user_agent!: string | null;
}

export class OwnSessionView extends SessionView {
  @ApiProperty({ description: 'Whether it is the session of this request', example: true })
  current!: boolean;
}

export class OwnSessionList {
  @ApiProperty({ type: [OwnSessionView] })
  data!: OwnSessionView[];
}

const viewOf = (record: SessionRecord) => ({
  id: record.id,
  created_at: record.createdAt,
  last_used_at: record.lastUsedAt,
  expires_at: record.expiresAt,
  address: record.address,
  user_agent: record.userAgent,
});

export const toSessionView: (record: SessionRecord) => SessionView = viewOf;

/** @param current the id of the session of the request */
export function toOwnSessionView(record: SessionRecord, current: string): OwnSessionView {
  return { ...viewOf(record), current: record.id === current };
}
