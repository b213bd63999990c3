import { Controller, Get, Header } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { IgnoresUnknown, Public } from '../access/access.js';
import { ApiErrors } from '../openapi/api-errors.js';
import { Metrics } from './metrics.service.js';

const FORMAT = 'text/plain; version=0.0.4';

const EXAMPLE = `# HELP latchkey_credential_checks_total Total number of credential checks by kind and outcome.
# TYPE latchkey_credential_checks_total counter
latchkey_credential_checks_total{kind="app",outcome="accepted"} 12
latchkey_credential_checks_total{kind="app",outcome="refused"} 1
`;

@ApiTags('operations')
@IgnoresUnknown()
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
      'What saturates (connections, hashing, memory, the event loop), what fails, and what is done: checks of credentials by ' +
      'kind and outcome, tokens, events of the audit log, mails, requests by route. `docs/metrics.md` describes each. They are ' +
      'of one server, of its workers together, from 0 at its start: ask every replica, and add up.',
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
