import { Controller, Get, Header, Inject, Req, Res } from '@nestjs/common';
import { ApiExtraModels, ApiOkResponse, ApiOperation, ApiTags, getSchemaPath } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { IgnoresUnknown, Public } from '../access/access.js';
import { CONFIG, type Config } from '../config/config.js';
import { isDocumentedAt } from '../config/doors.js';
import { addVary, prefersPage } from '../html/pages.js';
import { rootPage } from '../html/root-page.js';
import { ApiErrors } from '../openapi/api-errors.js';
import { EntryPoints } from './root.dto.js';

/** What whoever opens the bare address of a server sees: a page for people, and entry points for programs. */
@ApiTags('operations')
@ApiExtraModels(EntryPoints)
@IgnoresUnknown()
@Controller()
export class RootController {
  constructor(@Inject(CONFIG) private readonly config: Config) {}

  @Get()
  @Public()
  @Header('Cache-Control', 'no-cache')
  @ApiOperation({
    summary: 'Entry points',
    description: 'A small page where `Accept` prefers HTML, as it does in a browser; otherwise JSON.',
  })
  @ApiOkResponse({
    content: {
      'application/json': { schema: { $ref: getSchemaPath(EntryPoints) } },
      'text/html': { schema: { type: 'string' }, example: '<!doctype html>…' },
    },
  })
  @ApiErrors('plain')
  show(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): EntryPoints | string {
    addVary(reply, 'accept');
    if (!prefersPage(request)) return this.entryPoints();
    // Its links lead to where it was opened.
    const isDocumented = isDocumentedAt(request.server.connections.doorOf(request.socket), this.config);
    return request.server.pages.show(request, reply, (view) => rootPage(view, { isDocumented }));
  }

  private entryPoints(): EntryPoints {
    const { publicUrl } = this.config;
    return {
      accounts_url: `${publicUrl}/accounts`,
      session_url: `${publicUrl}/account/session`,
      api_token_url: `${publicUrl}/v1/api/auth`,
      user_token_url: `${publicUrl}/api/v1/token/`,
      access_token_url: `${publicUrl}/oauth/token`,
      identifications_url: `${publicUrl}/api/identifications`,
      metadata_url: `${publicUrl}/.well-known/oauth-authorization-server`,
      jwks_url: `${publicUrl}/.well-known/jwks.json`,
      readiness_url: `${publicUrl}/readyz`,
      ...(isDocumentedAt('public', this.config) && {
        documentation_url: `${publicUrl}/docs`,
        openapi_url: `${publicUrl}/docs-json`,
      }),
    };
  }
}
