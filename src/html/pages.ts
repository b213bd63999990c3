import { readFileSync } from 'node:fs';
import type { FastifyReply, FastifyRequest } from 'fastify';
import Negotiator from 'negotiator';
import { acceptedLanguage, isLanguageTag } from '../messages/languages.js';
import { textsIn } from '../messages/texts.js';
import { styleOf, type Brand } from './brand.js';
import { htmlPage, pagePolicy, type Page } from './page.js';
import { View } from './view.js';

declare module 'fastify' {
  interface FastifyInstance {
    pages: Pages;
  }
}

/** The style of all pages, without its comments and indentation. */
const STYLE = readFileSync(new URL('./style.css', import.meta.url), 'utf8')
  .replace(/\/\*[^]*?\*\//g, '')
  .replace(/\s*\n\s*/g, '\n');

export interface ShownPage {
  body: string;
  headers: Record<string, string>;
}

/** The pages of a server, in its look and in the language of whoever opens them. */
export class Pages {
  private readonly style: string;

  constructor(private readonly brand: Brand) {
    this.style = styleOf(brand) + STYLE;
  }

  /**
   * @param write makes the page
   * @param formTargets where its forms may lead, including redirects: sources of a Content-Security-Policy
   * @returns the page, and the headers to send with it
   */
  render(
    request: Pick<FastifyRequest, 'headers' | 'query'>,
    write: (view: View) => Page,
    formTargets: readonly string[] = [],
  ): ShownPage {
    const view = this.viewOf(request);
    const page = write(view);
    return {
      body: htmlPage(view, page, this.style),
      headers: {
        'content-type': 'text/html; charset=utf-8',
        'content-language': view.texts.language,
        'content-security-policy': pagePolicy({
          style: this.style,
          hasImages: this.brand.logo !== undefined,
          script: page.script,
          formTargets,
        }),
        vary: 'accept-language',
      },
    };
  }

  /**
   * Leads whoever has sent a form on to a page of ours (RFC 9110 section 15.4.4), so that loading it again sends no form again.
   *
   * @param to gives its address
   * @returns the empty body
   */
  seeOther(request: FastifyRequest, reply: FastifyReply, to: (view: View) => string): string {
    void reply.code(303).header('location', to(this.viewOf(request)));
    return '';
  }

  /** {@link render}, with the headers put into the answer. @returns the page */
  show(
    request: FastifyRequest,
    reply: FastifyReply,
    write: (view: View) => Page,
    formTargets: readonly string[] = [],
  ): string {
    const { body, headers } = this.render(request, write, formTargets);
    addPageHeaders(reply, headers);
    return body;
  }

  private viewOf({ headers, query }: Pick<FastifyRequest, 'headers' | 'query'>): View {
    const { lang } = (query ?? {}) as { lang?: unknown };
    const isChosen = isLanguageTag(lang);
    return new View(this.brand, textsIn(isChosen ? lang : acceptedLanguage(headers['accept-language'])), isChosen);
  }
}

/** @returns whether whoever asks would rather have a page than JSON, as browsers would (RFC 9110 section 12.5.1) */
export const prefersPage = ({ headers }: Pick<FastifyRequest, 'headers'>): boolean =>
  new Negotiator({ headers }).mediaType(['application/json', 'text/html']) === 'text/html';

/** Adds the headers of a page to an answer, which may vary by others already. */
export function addPageHeaders(reply: FastifyReply, { vary = '', ...others }: Record<string, string>): void {
  addVary(reply, vary);
  void reply.headers(others);
}

/** Says that an answer depends on a header of the request too (RFC 9110 section 12.5.5). */
export function addVary(reply: FastifyReply, name: string): void {
  const before = reply.getHeader('vary')?.toString();
  void reply.header('vary', before === undefined ? name : `${before}, ${name}`);
}
