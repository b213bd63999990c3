import { Body, Controller, Get, Header, Inject, Post, Query, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AcceptsForms, IgnoresUnknown, Public, SpeaksDialect } from '../access/access.js';
import { CONFIG, type Config } from '../config/config.js';
import { answerLinkRequest } from '../emails/link-requests.js';
import { askPage, sentPage, stateOf, type AskedLink } from '../html/ask-page.js';
import { refuseOtherSites, returnIn } from '../http/same-site.js';
import { PasswordResets } from './password-resets.service.js';

/** The page on which whoever forgot their password, or was invited long ago, asks for a link. */
@ApiExcludeController()
@SpeaksDialect('page')
@IgnoresUnknown()
@Controller('password/forgot')
export class ForgottenPasswordController {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly resets: PasswordResets,
  ) {}

  @Get()
  @Public()
  // Not `no-referrer`, with which browsers send `Origin: null` even to the same origin.
  @Header('Referrer-Policy', 'same-origin')
  show(
    @Query() query: Record<string, unknown>,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): string {
    return request.server.pages.show(request, reply, (view) => askPage(view, this.askedIn(query)), ["'self'"]);
  }

  /** The page that a form which was taken leads to. */
  @Get('sent')
  @Public()
  sent(
    @Query() query: Record<string, unknown>,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): string {
    return request.server.pages.show(request, reply, (view) => sentPage(view, this.askedIn(query)));
  }

  @Post()
  @Public({ limited: true })
  @AcceptsForms()
  @Header('Referrer-Policy', 'same-origin')
  async send(
    @Query() query: Record<string, unknown>,
    @Body() form: Record<string, unknown> = {},
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const asked = this.askedIn(query);
    refuseOtherSites(request, this.config.publicUrl, stateOf(asked));
    return answerLinkRequest({ request, reply }, asked, form, (email) => this.resets.request(email, asked.returnTo));
  }

  private askedIn(query: Record<string, unknown>): AskedLink {
    const kind = query.for === 'invitation' ? 'invitation' : 'reset';
    return { kind, lifetime: this.config.resetTtl, returnTo: returnIn(query) };
  }
}
