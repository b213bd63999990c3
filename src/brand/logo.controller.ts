import { Controller, Get, Inject, Query, Res, StreamableFile } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { IgnoresUnknown, Public } from '../access/access.js';
import { CONFIG, type Config } from '../config/config.js';
import { notFound } from '../errors/api-error.js';
import { digestOf } from '../html/brand.js';

/** The operator's logo, which pages show (BRAND_LOGO). */
@ApiExcludeController()
@IgnoresUnknown()
@Controller('brand')
export class LogoController {
  constructor(@Inject(CONFIG) private readonly config: Config) {}

  @Get('logo')
  @Public()
  show(@Query('v') version: unknown, @Res({ passthrough: true }) reply: FastifyReply): StreamableFile {
    const { logo } = this.config.brand;
    if (!logo) throw notFound();
    void reply.headers({
      'cache-control': version === digestOf(logo.content) ? 'public, max-age=31536000, immutable' : 'no-cache',
      // An SVG that is opened by itself is a document: it runs and loads nothing.
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'",
    });
    return new StreamableFile(logo.content, { type: logo.type, length: logo.content.length });
  }
}
