import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

const at = (path: string) => ({ format: 'uri', example: `http://127.0.0.1:3000${path}` });

/** Where clients begin, as absolute URLs below PUBLIC_URL. */
export class EntryPoints {
  @ApiProperty({ description: 'Sign-up', ...at('/accounts') })
  accounts_url!: string;

  @ApiProperty({ description: 'Sign-in, refresh and sign-out', ...at('/account/session') })
  session_url!: string;

  @ApiProperty({ description: 'What an API token is good for', ...at('/v1/api/auth') })
  api_token_url!: string;

  @ApiProperty({ description: 'User tokens', ...at('/api/v1/token/') })
  user_token_url!: string;

  @ApiProperty({ description: 'Access tokens of OAuth2 clients', ...at('/oauth/token') })
  access_token_url!: string;

  @ApiProperty({ description: 'Which institution a visitor is from', ...at('/api/identifications') })
  identifications_url!: string;

  @ApiProperty({
    description: 'Authorization server metadata (RFC 8414)',
    ...at('/.well-known/oauth-authorization-server'),
  })
  metadata_url!: string;

  @ApiProperty({ description: 'The keys that sign sessions (RFC 7517)', ...at('/.well-known/jwks.json') })
  jwks_url!: string;

  @ApiProperty({ description: 'Readiness', ...at('/readyz') })
  readiness_url!: string;

  @ApiPropertyOptional({
    description: 'Swagger UI; not there where it is on another port, or off',
    ...at('/docs'),
  })
  documentation_url?: string;

  @ApiPropertyOptional({ description: 'The OpenAPI document; as `documentation_url`', ...at('/docs-json') })
  openapi_url?: string;
}
