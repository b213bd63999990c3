import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiExcludeController } from '@nestjs/swagger';
import { IgnoresUnknown, Public, SpeaksDialect } from '../access/access.js';
import { CONFIG, type Config } from '../config/config.js';
import { resetPage } from '../html/reset-page.js';

@ApiExcludeController()
@SpeaksDialect('page')
@IgnoresUnknown()
@Controller('password/reset')
export class ResetPageController {
  constructor(@Inject(CONFIG) private readonly config: Config) {}

  @Get()
  @Public()
  show(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): string {
    return request.server.pages.show(request, reply, (view) => resetPage(view, this.config.passwordMinLength));
  }
}
