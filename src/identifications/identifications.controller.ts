import { Body, Controller, Get, Inject, Param, Post } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { ClientRequired, CurrentPrincipal, IgnoresUnknown, SpeaksDialect } from '../access/access.js';
import type { ClientPrincipal } from '../access/principal.js';
import { badAccessToken, insufficientScope } from '../access/refusals.js';
import { CONFIG, type Config } from '../config/config.js';
import { invalidParams } from '../errors/api-error.js';
import { Idempotent, IDEMPOTENCY_ERRORS } from '../idempotency/idempotent.js';
import { ApiErrors, BODY_ERRORS, unknownParameter } from '../openapi/api-errors.js';
import {
  EntryPoint,
  EXAMPLE_IDENTIFICATION,
  IdentificationView,
  MUST_BE_RETURN_URL,
  NewIdentification,
  toEntryPoint,
  toIdentificationView,
} from './identifications.dto.js';
import { Identifications } from './identifications.service.js';

const ID = {
  name: 'id',
  description: 'The id of the identification',
  format: 'uuid',
  example: EXAMPLE_IDENTIFICATION,
};
const CLIENT_ERRORS = [badAccessToken(), insufficientScope('identifications'), 'rate_limited'] as const;
const BAD_VISITOR = invalidParams({ url: [MUST_BE_RETURN_URL] });

@ApiTags('connect')
@SpeaksDialect('connect')
@Controller('api')
export class IdentificationsController {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly identifications: Identifications,
  ) {}

  @Get()
  @ClientRequired('identifications')
  @ApiOperation({ summary: 'Entry point', description: 'Links to the other resources.' })
  @ApiOkResponse({ type: EntryPoint })
  @ApiErrors('connect', ...CLIENT_ERRORS, unknownParameter())
  entryPoint(): EntryPoint {
    return toEntryPoint(this.config.publicUrl);
  }

  @Post('identifications')
  @ClientRequired('identifications')
  @Idempotent()
  @IgnoresUnknown()
  @ApiOperation({
    summary: 'Identification Create',
    description:
      'Identifies the account that a visitor belongs to: by the most specific network that contains the address, then by ' +
      'the account with the email, then by the domain of the email.',
  })
  @ApiCreatedResponse({ type: IdentificationView })
  @ApiErrors('connect', ...IDEMPOTENCY_ERRORS, ...BODY_ERRORS, BAD_VISITOR, ...CLIENT_ERRORS)
  async create(
    @CurrentPrincipal() client: ClientPrincipal,
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
  async get(@CurrentPrincipal() client: ClientPrincipal, @Param('id') id: string): Promise<IdentificationView> {
    return toIdentificationView(await this.identifications.get(client, id), this.config.publicUrl);
  }
}
