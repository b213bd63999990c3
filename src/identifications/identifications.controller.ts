import { Body, Controller, Get, Header, Inject, Param, Post, Req, Res } from '@nestjs/common';
import { ApiConsumes, ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AcceptsForms, ClientRequired, IgnoresUnknown, type RequestBy, SpeaksDialect } from '../access/access.js';
import type { ClientPrincipal } from '../access/principal.js';
import { badAccessToken, insufficientScope } from '../access/refusals.js';
import { Clock } from '../config/clock.js';
import { CONFIG, type Config } from '../config/config.js';
import { invalidParams, tooManyAttempts } from '../errors/api-error.js';
import { Idempotent, IDEMPOTENCY_ERRORS } from '../idempotency/idempotent.js';
import { ApiErrors, BODY_ERRORS, unknownParameter } from '../openapi/api-errors.js';
import {
  EntryPoint,
  EXAMPLE_IDENTIFICATION,
  IdentificationView,
  MUST_BE_URL,
  NewIdentification,
  toEntryPoint,
  toIdentificationView,
} from './identifications.dto.js';
import { Identifications } from './identifications.service.js';

/** In seconds. */
const DAY = 86_400;
const FORM = 'application/x-www-form-urlencoded';
const JSON_TYPE = 'application/json';

const CACHING = {
  Expires: { description: 'A day from now', schema: { type: 'string' }, example: 'Sun, 29 Nov 2026 12:00:00 GMT' },
  'Cache-Control': { schema: { type: 'string' }, example: `private, max-age=${DAY}` },
} as const;

const ID = {
  name: 'id',
  description: 'The id of the identification',
  format: 'uuid',
  example: EXAMPLE_IDENTIFICATION,
};
const CLIENT_ERRORS = [badAccessToken(), insufficientScope('identifications'), tooManyAttempts(60)] as const;
const BAD_VISITOR = invalidParams({ url: [MUST_BE_URL] });

@ApiTags('connect')
@SpeaksDialect('connect')
@Controller('api')
export class IdentificationsController {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly clock: Clock,
    private readonly identifications: Identifications,
  ) {}

  @Get()
  @ClientRequired('identifications')
  @Header('Cache-Control', `private, max-age=${DAY}`)
  @ApiOperation({ summary: 'Entry point', description: 'Links to the other resources. May be kept for a day.' })
  @ApiOkResponse({ type: EntryPoint, headers: CACHING })
  @ApiErrors('connect', ...CLIENT_ERRORS, unknownParameter())
  entryPoint(@Res({ passthrough: true }) reply: FastifyReply): EntryPoint {
    // For HTTP/1.0 caches, and for published clients that know nothing else.
    void reply.header('expires', new Date((this.clock.now() + DAY) * 1_000).toUTCString());
    return toEntryPoint(this.config.publicUrl);
  }

  @Post('identifications')
  @ClientRequired('identifications')
  @Idempotent()
  @IgnoresUnknown()
  @AcceptsForms({ dropsEmpty: true })
  @ApiOperation({
    summary: 'Identification Create',
    description:
      'Identifies the account that a visitor belongs to: by the most specific network that contains the address, then by ' +
      'the account with the email, then by the domain of the email. If the visitor has just come back from the WAYF page ' +
      'to this `url`, with `identification=`, it is the account that signed in there (WAYF_RETURN_TTL); the first use ' +
      'binds that to `ip` and `user_agent`.',
  })
  @ApiConsumes(JSON_TYPE, FORM)
  @ApiCreatedResponse({ type: IdentificationView })
  @ApiErrors('connect', ...IDEMPOTENCY_ERRORS, ...BODY_ERRORS, BAD_VISITOR, ...CLIENT_ERRORS)
  async create(
    @Req() { principal: client }: RequestBy<ClientPrincipal>,
    @Body() visitor: NewIdentification,
  ): Promise<IdentificationView> {
    return toIdentificationView(await this.identifications.create(client, visitor), this.config.publicUrl);
  }

  @Get('identifications/:id')
  @ClientRequired('identifications')
  @IgnoresUnknown()
  @ApiOperation({
    summary: 'Identification Info',
    description: 'A client can only read its own identifications, for IDENTIFICATION_TTL seconds.',
  })
  @ApiParam(ID)
  @ApiOkResponse({ type: IdentificationView })
  @ApiErrors('connect', ...CLIENT_ERRORS, 'not_found')
  async get(
    @Req() { principal: client }: RequestBy<ClientPrincipal>,
    @Param('id') id: string,
  ): Promise<IdentificationView> {
    return toIdentificationView(await this.identifications.get(client, id), this.config.publicUrl);
  }
}
