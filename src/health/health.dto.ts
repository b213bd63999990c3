import { ApiExtraModels, ApiProperty, ApiPropertyOptional, getSchemaPath } from '@nestjs/swagger';

export class Liveness {
  @ApiProperty({ example: 'ok' })
  status!: string;
}

export class PartStatus {
  @ApiProperty({ enum: ['up', 'down'], example: 'up' })
  status!: string;

  @ApiPropertyOptional({ example: 'unreachable' })
  message?: string;
}

const PARTS = { type: 'object', additionalProperties: { $ref: getSchemaPath(PartStatus) } } as const;
const UP = { database: { status: 'up' } };
const DOWN = { database: { status: 'down', message: 'unreachable' } };

/** What Terminus answers. */
@ApiExtraModels(PartStatus)
export class ReadinessView {
  @ApiProperty({ enum: ['ok', 'error', 'shutting_down'], example: 'ok' })
  status!: string;

  @ApiProperty({ description: 'What is up', ...PARTS, example: UP })
  info!: object;

  @ApiProperty({ description: 'What is not', ...PARTS, example: {} })
  error!: object;

  @ApiProperty({ description: 'Both', ...PARTS, example: UP })
  details!: object;
}

export const NOT_READY: ReadinessView = { status: 'error', info: {}, error: DOWN, details: DOWN };
