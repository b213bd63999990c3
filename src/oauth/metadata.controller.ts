import { Controller, Get, Header, Inject } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { CLIENT_SCOPE_NAMES } from '../access/client-scopes.js';
import { IgnoresUnknown, Public } from '../access/access.js';
import { CONFIG, type Config } from '../config/config.js';
import { isDocumentedAt } from '../config/doors.js';
import { ApiErrors } from '../openapi/api-errors.js';

const METHODS = ['client_secret_basic', 'client_secret_post'];

/** RFC 8414 section 2. */
class ServerMetadata {
  @ApiProperty({ description: 'The value of PUBLIC_URL', format: 'uri', example: 'http://127.0.0.1:3000' })
  issuer!: string;

  @ApiProperty({ format: 'uri', example: 'http://127.0.0.1:3000/oauth/token' })
  token_endpoint!: string;

  @ApiProperty({ type: [String], example: METHODS })
  token_endpoint_auth_methods_supported!: string[];

  @ApiProperty({ format: 'uri', example: 'http://127.0.0.1:3000/oauth/introspect' })
  introspection_endpoint!: string;

  @ApiProperty({ type: [String], example: METHODS })
  introspection_endpoint_auth_methods_supported!: string[];

  @ApiProperty({ format: 'uri', example: 'http://127.0.0.1:3000/oauth/revoke' })
  revocation_endpoint!: string;

  @ApiProperty({ type: [String], example: METHODS })
  revocation_endpoint_auth_methods_supported!: string[];

  @ApiProperty({ format: 'uri', example: 'http://127.0.0.1:3000/.well-known/jwks.json' })
  jwks_uri!: string;

  @ApiProperty({ type: [String], example: CLIENT_SCOPE_NAMES })
  scopes_supported!: string[];

  @ApiProperty({ type: [String], example: ['client_credentials'] })
  grant_types_supported!: string[];

  @ApiProperty({ description: 'Empty, as there is no authorization endpoint', type: [String], example: [] })
  response_types_supported!: string[];

  @ApiPropertyOptional({
    description: 'Where Swagger UI is; not there when it is on a port of its own, or off',
    format: 'uri',
    example: 'http://127.0.0.1:3000/docs',
  })
  service_documentation?: string;
}

@ApiTags('oauth')
@IgnoresUnknown()
@Controller()
export class MetadataController {
  private readonly metadata: ServerMetadata;

  constructor(@Inject(CONFIG) config: Config) {
    const { publicUrl } = config;
    this.metadata = {
      issuer: publicUrl,
      token_endpoint: `${publicUrl}/oauth/token`,
      token_endpoint_auth_methods_supported: METHODS,
      introspection_endpoint: `${publicUrl}/oauth/introspect`,
      introspection_endpoint_auth_methods_supported: METHODS,
      revocation_endpoint: `${publicUrl}/oauth/revoke`,
      revocation_endpoint_auth_methods_supported: METHODS,
      jwks_uri: `${publicUrl}/.well-known/jwks.json`,
      scopes_supported: CLIENT_SCOPE_NAMES,
      grant_types_supported: ['client_credentials'],
      response_types_supported: [],
      ...(isDocumentedAt('public', config) && { service_documentation: `${publicUrl}/docs` }),
    };
  }

  @Get('/.well-known/openid-configuration')
  @Public()
  @Header('Cache-Control', 'public, max-age=300')
  @ApiOperation({
    summary: 'Where libraries for OpenID Connect find the keys',
    description:
      'The same as `/.well-known/oauth-authorization-server`. Latchkey is no OpenID Provider: it issues no ID tokens, and the ' +
      '`sub` of a session token is `account` for everybody (`data.id` is the account).',
  })
  @ApiOkResponse({ type: ServerMetadata })
  @ApiErrors('plain')
  showForDiscovery(): ServerMetadata {
    return this.metadata;
  }

  @Get('/.well-known/oauth-authorization-server')
  @Public()
  @Header('Cache-Control', 'public, max-age=300')
  @ApiOperation({ summary: 'Authorization server metadata', description: 'As in RFC 8414.' })
  @ApiOkResponse({ type: ServerMetadata })
  @ApiErrors('plain')
  show(): ServerMetadata {
    return this.metadata;
  }
}
