import { Body, Controller, Get, Header, Inject, Post, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AcceptsForms, IgnoresUnknown, Public, SpeaksDialect } from '../access/access.js';
import { CONFIG, type Config } from '../config/config.js';
import { answerLinkRequest } from '../emails/link-requests.js';
import { askPage, sentPage, type AskedLink } from '../html/ask-page.js';
import { refuseOtherSites } from '../http/same-site.js';
import { AccountEmails } from './account-emails.service.js';

const ASKED: AskedLink = { kind: 'verification' };

/** The page on which a new link to verify an email is asked for. */
@ApiExcludeController()
@SpeaksDialect('page')
@IgnoresUnknown()
@Controller('email/verify/again')
export class AskToVerifyController {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly emails: AccountEmails,
  ) {}

  @Get()
  @Public()
  // Not `no-referrer`, with which browsers send `Origin: null` even to the same origin.
  @Header('Referrer-Policy', 'same-origin')
  show(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): string {
    return request.server.pages.show(request, reply, (view) => askPage(view, ASKED), ["'self'"]);
  }

  /** The page that a form which was taken leads to. */
  @Get('sent')
  @Public()
  sent(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): string {
    return request.server.pages.show(request, reply, (view) => sentPage(view, ASKED));
  }

  @Post()
  @Public({ limited: true })
  @AcceptsForms()
  @Header('Referrer-Policy', 'same-origin')
  async send(
    @Body() form: Record<string, unknown> = {},
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    refuseOtherSites(request, this.config.publicUrl);
    return answerLinkRequest({ request, reply }, ASKED, form, (email) => this.emails.requestVerification(email));
  }
}
