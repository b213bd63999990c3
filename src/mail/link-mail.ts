import { ON_BRAND_COLOR } from '../config/branding.js';
import type { Brand } from '../html/brand.js';
import { markup } from '../html/html.js';
import type { MailContent } from './mail-message.js';

/** The message for the token of a link that cannot be used. */
export const UNUSABLE_LINK = 'is invalid, has expired or has already been used';

/** A mail of a few paragraphs, usually with a link. */
export interface LinkMail {
  subject: string;
  /** Paragraphs of plain text. */
  before: string[];
  link?: string;
  /** The text of the link in HTML. */
  label?: string;
  after: string[];
}

/** Colours that mail programs replace in the dark as they see fit, told by `color-scheme` that they may. */
const STYLE = {
  body: 'margin:0;padding:24px 16px;font:16px/1.5 system-ui,sans-serif',
  letter: 'max-width:32rem;margin:0 auto',
  name: 'margin:0 0 24px;font-weight:600',
  button: (color: string) =>
    `display:inline-block;padding:10px 20px;border-radius:6px;background:${color};color:${ON_BRAND_COLOR};font-weight:600;text-decoration:none`,
  address: 'font-size:14px;word-break:break-all',
  foot: 'margin-top:32px;font-size:14px',
};

/** @returns the mail in plain text and in HTML, with the operator's name, and where there is help */
export function linkMail(brand: Brand, { subject, before, link, label = '', after }: LinkMail): MailContent {
  const help = brand.supportUrl === undefined ? [] : [`Help: ${brand.supportUrl.replace(/^mailto:/, '')}`];
  const paragraphs = (texts: string[]) => texts.map((text) => markup`<p>${text}</p>`);
  const action = markup`<p><a href="${link}" style="${STYLE.button(brand.color)}">${label}</a></p>
<p style="${STYLE.address}">${link}</p>`;
  const html = markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>${subject}</title></head>
<body style="${STYLE.body}"><div style="${STYLE.letter}">
<p style="${STYLE.name}">${brand.name}</p>
${paragraphs(before)}
${link !== undefined && action}
${paragraphs(after)}
${help.map((text) => markup`<p style="${STYLE.foot}">${text}</p>`)}
</div></body></html>
`;
  const text = [...before, ...(link === undefined ? [] : [link]), ...after, ...help].join('\n\n');
  return { subject, text: `${text}\n`, html: html.text };
}

/** @returns a duration in words, in its largest unit */
export function inWords(seconds: number): string {
  for (const [unit, size] of [
    ['day', 86_400],
    ['hour', 3_600],
    ['minute', 60],
  ] as const) {
    const count = Math.floor(seconds / size);
    if (count > 0) return count === 1 ? `one ${unit}` : `${count} ${unit}s`;
  }
  return `${seconds} seconds`;
}
