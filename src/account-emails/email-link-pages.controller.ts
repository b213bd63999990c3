import { Controller, Get, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiExcludeController } from '@nestjs/swagger';
import { IgnoresUnknown, Public, SpeaksDialect } from '../access/access.js';
import type { View } from '../html/view.js';
import { wrongWill } from './email-proofs.service.js';
import { undoPage, verificationPage } from '../html/email-link-pages.js';

/** What the page says of a password that is refused, by what the API says of it. */
function problemsOf(view: View): Record<string, string> {
  const [wrong = ''] = wrongWill().details.fields?.password ?? [];
  return { [wrong]: view.say('password.notTheOne') };
}

@ApiExcludeController()
@SpeaksDialect('page')
@IgnoresUnknown()
@Controller('email')
export class EmailLinkPagesController {
  @Get('verify')
  @Public()
  verification(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): string {
    return request.server.pages.show(request, reply, (view) => verificationPage(view, problemsOf(view)));
  }

  @Get('undo')
  @Public()
  undo(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): string {
    return request.server.pages.show(request, reply, undoPage);
  }
}
