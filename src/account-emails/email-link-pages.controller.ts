import { Controller, Get, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiExcludeController } from '@nestjs/swagger';
import { IgnoresUnknown, Public, SpeaksDialect } from '../access/access.js';
import { takenEmail } from '../errors/common-errors.js';
import { undoPage, verificationPage, type Refusals } from '../html/email-link-pages.js';
import type { View } from '../html/view.js';
import { signupClosed } from '../sessions/sessions.service.js';
import { invited, noWill, wrongWill } from './email-proofs.service.js';

/** What the pages say of refusals, by what the API says of them. */
function refusalsIn(view: View): Refusals {
  const wrong = [wrongWill(), noWill()].flatMap(({ details }) => details.fields?.password ?? []);
  return {
    problems: Object.fromEntries(wrong.map((problem) => [problem, view.say('password.notTheOne')])),
    refusals: {
      [takenEmail().message]: view.say('link.taken'),
      [invited().message]: view.say('link.invited'),
      [signupClosed().message]: view.say('link.signUpClosed'),
    },
  };
}

@ApiExcludeController()
@SpeaksDialect('page')
@IgnoresUnknown()
@Controller('email')
export class EmailLinkPagesController {
  @Get('verify')
  @Public()
  verification(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): string {
    return request.server.pages.show(request, reply, (view) => verificationPage(view, refusalsIn(view)));
  }

  @Get('undo')
  @Public()
  undo(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): string {
    return request.server.pages.show(request, reply, (view) => undoPage(view, refusalsIn(view)));
  }
}
