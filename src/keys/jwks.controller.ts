import { Controller, Get, Header } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { IgnoresUnknown, Public } from '../access/access.js';
import { ApiErrors } from '../openapi/api-errors.js';
import { JwkSet } from './jwks.dto.js';
import { SigningKeys } from './signing-keys.service.js';

@ApiTags('keys')
@IgnoresUnknown()
@Controller()
export class JwksController {
  constructor(private readonly signingKeys: SigningKeys) {}

  @Get('/.well-known/jwks.json')
  @Public()
  @Header('Cache-Control', 'public, max-age=300')
  @ApiOperation({
    summary: 'Public keys of session tokens',
    description:
      'A JWK Set (RFC 7517). Session tokens are signed with RS512; the `kid` in their header identifies the ' + 'key.',
  })
  @ApiOkResponse({ type: JwkSet })
  @ApiErrors('plain')
  keys() {
    return this.signingKeys.jwks;
  }
}
