import { Controller, Get, Header } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { IgnoresUnknown, Public } from '../access/access.js';
import { ApiErrors } from '../openapi/api-errors.js';
import { KEY_SET_MAX_AGE } from './key-ring.js';
import { JwkSet } from './jwks.dto.js';
import { SigningKeys } from './signing-keys.service.js';

@ApiTags('keys')
@IgnoresUnknown()
@Controller()
export class JwksController {
  constructor(private readonly signingKeys: SigningKeys) {}

  @Get('/.well-known/jwks.json')
  @Public()
  @Header('Cache-Control', `public, max-age=${KEY_SET_MAX_AGE}`)
  @ApiOperation({
    summary: 'Public keys of session tokens',
    description:
      'A JWK Set (RFC 7517): the key that signs session tokens, those that will, and those whose tokens may still be good. ' +
      'The `kid` in the header of a token identifies its key, and the `alg` of the key is the only one that the token may have.',
  })
  @ApiOkResponse({ type: JwkSet })
  @ApiErrors('plain')
  keys() {
    return this.signingKeys.jwks();
  }
}
