import { Body, Controller, Get, Headers, Header, Inject, Ip, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AcceptsForms, IgnoresUnknown, Proves, Public, SpeaksDialect } from '../access/access.js';
import { CONFIG, type Config } from '../config/config.js';
import { LONGEST_TYPED_PASSWORD } from '../config/password-text.js';
import { ApiError, badRequest, type ErrorCode } from '../errors/api-error.js';
import { problemOf } from '../errors/error-page.js';
import type { Page } from '../html/page.js';
import type { View } from '../html/view.js';
import { refuseOtherSites } from '../http/same-site.js';
import { isUuid } from '../http/validation.js';
import type { Institution } from './institutions.store.js';
import { LONGEST_SEARCH, NO_INSTITUTION, searchPage, signInPage, type Visit } from '../html/wayf-page.js';
import { Wayf } from './wayf.service.js';

const LONGEST_USER_AGENT = 2_048;
/** Failures that the page shows above the form. */
const TOLD_ON_THE_PAGE: ErrorCode[] = [
  'unauthorized',
  'forbidden',
  'unverified',
  'password_expired',
  'rate_limited',
  'unavailable',
];

/** The page that `_links.wayf` of an identification leads to. */
@ApiExcludeController()
@SpeaksDialect('page')
@IgnoresUnknown()
@Controller('wayf/:id')
export class WayfController {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly wayf: Wayf,
  ) {}

  @Get()
  // A whole campus may come from one address, and searching alone costs the database something.
  @Public({ limitedWith: 'q' })
  @Header('Cache-Control', 'no-store')
  // Not `no-referrer`, with which browsers send `Origin: null` even to the same origin.
  @Header('Referrer-Policy', 'same-origin')
  async show(
    @Param('id') id: string,
    @Query() query: Record<string, unknown>,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const url = await this.wayf.urlOf(id);
    const page = await this.pageOf(visitOf(id, url), query);
    return request.server.pages.show(request, reply, page, targetsOf(url));
  }

  @Post()
  @Proves('password')
  @Public({ limited: true })
  @AcceptsForms()
  @Header('Referrer-Policy', 'same-origin')
  async signIn(
    @Param('id') id: string,
    @Query() query: Record<string, unknown>,
    @Body() form: Record<string, unknown> = {},
    @Req() request: FastifyRequest,
    @Ip() address: string,
    @Headers('user-agent') userAgent: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    refuseOtherSites(request, this.config.publicUrl, choiceIn(query));
    const url = await this.wayf.urlOf(id);
    const email = textOf(form.email, 254).trim();
    const password = textOf(form.password, 2 * LONGEST_TYPED_PASSWORD);
    const institution = await this.chosen(form.institution);
    try {
      const filled = {
        email,
        password,
        institution,
        address,
        userAgent: (userAgent ?? '').slice(0, LONGEST_USER_AGENT),
      };
      const target = await this.wayf.signIn(id, filled);
      void reply.code(303).header('location', target);
      return '';
    } catch (error) {
      if (!(error instanceof ApiError) || !TOLD_ON_THE_PAGE.includes(error.code)) throw error;
      request.failure = error.code;
      const isRefused = error.status < 429;
      void reply.code(isRefused ? 422 : error.status);
      if (!isRefused) void reply.headers(error.details.headers ?? {});
      const focus = error.code === 'forbidden' ? 'email' : 'password';
      const write = (view: View) =>
        signInPage(view, visitOf(id, url), institution, { problem: problemOf(view, error), email, isRefused, focus });
      return request.server.pages.show(request, reply, write, targetsOf(url));
    }
  }

  private async pageOf(visit: Visit, { q, institution, last }: Record<string, unknown>): Promise<(view: View) => Page> {
    if (institution !== undefined) {
      const chosen = await this.chosen(institution);
      return (view) => signInPage(view, visit, chosen);
    }
    if (q === undefined) {
      const remembered = last === undefined ? undefined : await this.wayf.find(textOf(last, 100));
      return (view) => searchPage(view, visit, { last: remembered });
    }
    const text = textOf(q, LONGEST_SEARCH);
    const search = { text, ...(await this.wayf.search(text)) };
    return (view) => searchPage(view, visit, { search });
  }

  private async chosen(institution: unknown): Promise<Institution | null> {
    const id = textOf(institution, 100);
    return id === NO_INSTITUTION ? null : this.wayf.institution(id);
  }
}

/** @returns the query with which the page shows the same form, if it is one that the page could have */
const choiceIn = ({ institution }: Record<string, unknown>): Record<string, string> =>
  institution === NO_INSTITUTION || isUuid(institution) ? { institution } : {};

const visitOf = (identificationId: string, url: string): Visit => ({ identificationId, site: new URL(url).host });

/**
 * Browsers apply `form-action` to redirects too, and Chromium to further ones: `url` may redirect the visitor to
 * another origin.
 *
 * @returns the sources that the forms of a page may lead to
 */
function targetsOf(url: string): string[] {
  const { origin, protocol } = new URL(url);
  // A policy cannot express some hosts, such as IPv6 addresses and names with underscores.
  const sources = /^https?:\/\/[a-z0-9.-]+(:\d+)?$/.test(origin) ? [origin, protocol] : [protocol];
  return ["'self'", ...sources];
}

/** @throws ApiError `bad_request` */
function textOf(value: unknown, longest: number): string {
  if (typeof value !== 'string' || value.length > longest) throw badRequest('A field is missing or too long.');
  return value;
}
