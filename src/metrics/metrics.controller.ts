import { Controller, Get, Header } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Public } from '../access/access.js';
import { ApiErrors } from '../openapi/api-errors.js';
import { Metrics } from './metrics.service.js';

const FORMAT = 'text/plain; version=0.0.4';

const EXAMPLE = `# HELP latchkey_credential_checks_total Total number of credential checks by kind and outcome.
# TYPE latchkey_credential_checks_total counter
latchkey_credential_checks_total{kind="app",outcome="accepted"} 12
latchkey_credential_checks_total{kind="app",outcome="refused"} 1
`;

@ApiTags('operations')
@Controller()
export class MetricsController {
  constructor(private readonly metrics: Metrics) {}

  @Get('metrics')
  @Public()
  @Header('Cache-Control', 'no-store')
  @Header('Content-Type', `${FORMAT}; charset=utf-8`)
  @ApiOperation({
    summary: 'Prometheus metrics',
    description:
      'Credential checks by kind (`app`, `user`, `api`, `oauth`, `session`, `client`) and outcome (`accepted`, `refused`), ' +
      'requests by route and status, request durations, and process metrics. Each process has its own counters, which ' +
      'start at 0: scrape every replica.',
  })
  @ApiOkResponse({
    description: 'The Prometheus text format',
    content: { [FORMAT]: { schema: { type: 'string' }, example: EXAMPLE } },
  })
  @ApiErrors('plain')
  show(): Promise<string> {
    return this.metrics.read();
  }
}
