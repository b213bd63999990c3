import { createHash } from 'node:crypto';
import { LANGUAGES, LANGUAGE_TAGS } from '../messages/languages.js';
import { Html, markup } from './html.js';
import type { View } from './view.js';

export interface Page {
  /** A sentence, as plain text. */
  title: string;
  main: Html;
  script?: string;
  /** The query that shows this page in the same state, which it keeps in another language. */
  state?: Record<string, string>;
}

/** @returns a whole page: the operator's name, the page itself on a card, and other languages */
export function htmlPage(view: View, { title, main, script, state = {} }: Page, style: string): string {
  const { language, direction } = view.texts;
  const { name, logo } = view.brand;
  const dir = direction === 'rtl' && markup` dir="rtl"`;
  return markup`<!doctype html>
<html lang="${language}"${dir}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${title}</title>
<style>${new Html(style)}</style>
</head>
<body>
<header>${logo && markup`<img src="${logo}" alt="">`}<bdi>${name}</bdi></header>
<main>
${main}
</main>
<footer>
${support(view)}${languages(view, state)}
</footer>${script !== undefined && markup`\n<script>${new Html(script)}</script>`}
</body>
</html>
`.text;
}

function support(view: View): Html | undefined {
  const { supportUrl } = view.brand;
  return supportUrl === undefined
    ? undefined
    : markup`<p><a href="${supportUrl}">${view.say('page.support')}</a></p>\n`;
}

function languages(view: View, state: Record<string, string>): Html {
  const items = LANGUAGE_TAGS.map((tag) => {
    const address = `?${new URLSearchParams({ ...state, lang: tag }).toString()}`;
    const current = tag === view.texts.language && markup` aria-current="true"`;
    return markup`<li><a href="${address}" lang="${tag}" hreflang="${tag}"${current}>${LANGUAGES[tag].name}</a></li>`;
  });
  // The role is for Safari, to which a list without markers is not a list.
  return markup`<nav aria-label="${view.say('page.languages')}"><ul role="list">
${items}
</ul></nav>`;
}

export interface Policy {
  style: string;
  /** Whether it shows pictures, from its own origin. */
  hasImages?: boolean;
  /** The page's script, if it has one, which may send requests to its own origin. */
  script?: string | undefined;
  /** Where its forms may lead, including redirects. */
  formTargets?: readonly string[];
}

/** The Content-Security-Policy of a page: only its own script and style, and no framing. */
export function pagePolicy({ style, hasImages = false, script, formTargets = [] }: Policy): string {
  return [
    "default-src 'none'",
    ...(script === undefined ? [] : [`script-src ${hash(script)}`]),
    `style-src ${hash(style)}`,
    ...(hasImages ? ["img-src 'self'"] : []),
    ...(script === undefined ? [] : ["connect-src 'self'"]),
    "base-uri 'none'",
    `form-action ${formTargets.join(' ') || "'none'"}`,
    "frame-ancestors 'none'",
  ].join('; ');
}

const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
