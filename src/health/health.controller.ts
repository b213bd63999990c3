import { Controller, Get, Header, Res, ServiceUnavailableException } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import { HealthCheck, HealthCheckService } from '@nestjs/terminus';
import type { FastifyReply } from 'fastify';
import { IgnoresUnknown, Public } from '../access/access.js';
import { ApiErrors } from '../openapi/api-errors.js';
import { Liveness, NOT_READY, ReadinessView } from './health.dto.js';
import { Readiness } from './readiness.service.js';

@ApiTags('operations')
@IgnoresUnknown()
@Controller()
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly readiness: Readiness,
  ) {}

  @Get('healthz')
  @Public()
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Liveness probe', description: 'The process is running. Does not check the database.' })
  @ApiOkResponse({ type: Liveness })
  @ApiErrors('plain')
  live(): { status: string } {
    return { status: 'ok' };
  }

  @Get('readyz')
  @Public()
  @HealthCheck({ noCache: true, swaggerDocumentation: false })
  @ApiOperation({
    summary: 'Readiness probe',
    description:
      'The database answers and takes writes, its migrations are current, and the server is not stopping. `clock` is there, with a message, ' +
      'while the clock of the process and that of the database differ by more than a few seconds.',
  })
  @ApiOkResponse({ type: ReadinessView })
  @ApiServiceUnavailableResponse({
    description: 'Not ready; see `Retry-After`',
    headers: { 'Retry-After': { description: 'Seconds', schema: { type: 'integer' }, example: 1 } },
    type: ReadinessView,
    example: NOT_READY,
  })
  @ApiErrors('plain')
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<unknown> {
    try {
      return await this.health.check([() => this.readiness.check()]);
    } catch (error) {
      if (!(error instanceof ServiceUnavailableException)) throw error;
      void reply.code(503).header('retry-after', '1');
      return error.getResponse();
    }
  }
}
