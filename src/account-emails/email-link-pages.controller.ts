import { Controller, Get, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiExcludeController } from '@nestjs/swagger';
import { IgnoresUnknown, Public, SpeaksDialect } from '../access/access.js';
import { undoPage, verificationPage } from '../html/email-link-pages.js';

@ApiExcludeController()
@SpeaksDialect('page')
@IgnoresUnknown()
@Controller('email')
export class EmailLinkPagesController {
  @Get('verify')
  @Public()
  verification(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): string {
    return request.server.pages.show(request, reply, verificationPage);
  }

  @Get('undo')
  @Public()
  undo(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): string {
    return request.server.pages.show(request, reply, undoPage);
  }
}
