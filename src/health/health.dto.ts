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

/** The format of Terminus. */
@ApiExtraModels(PartStatus)
export class ReadinessView {
  @ApiProperty({ enum: ['ok', 'error', 'shutting_down'], example: 'ok' })
  status!: string;

  @ApiProperty({ description: 'The parts that are up', ...PARTS, example: UP })
  info!: object;

  @ApiProperty({ description: 'The parts that are down', ...PARTS, example: {} })
  error!: object;

  @ApiProperty({ description: 'All parts', ...PARTS, example: UP })
  details!: object;
}

export const NOT_READY: ReadinessView = { status: 'error', info: {}, error: DOWN, details: DOWN };
