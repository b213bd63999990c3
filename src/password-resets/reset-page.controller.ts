import { Controller, Get, Inject, Query, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { IgnoresUnknown, Public, SpeaksDialect } from '../access/access.js';
import { CONFIG, type Config } from '../config/config.js';
import { resetPage } from '../html/reset-page.js';
import { returnIn } from '../http/same-site.js';
import { passwordProblems } from '../passwords/password-problems.js';

@ApiExcludeController()
@SpeaksDialect('page')
@IgnoresUnknown()
@Controller('password/reset')
export class ResetPageController {
  constructor(@Inject(CONFIG) private readonly config: Config) {}

  @Get()
  @Public()
  show(
    @Query() query: Record<string, unknown>,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): string {
    const { passwordMinLength } = this.config;
    return request.server.pages.show(request, reply, (view) =>
      resetPage(view, {
        passwordMinLength,
        isInvitation: query.for === 'invitation',
        returnTo: returnIn(query),
        problems: passwordProblems(view, passwordMinLength),
      }),
    );
  }
}
