import { escapeHtml } from '../html/html.js';
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

/** @returns the mail in plain text and in HTML */
export function linkMail({ subject, before, link, label = '', after }: LinkMail): MailContent {
  const paragraph = (text: string) => `<p>${escapeHtml(text)}</p>`;
  return {
    subject,
    text: `${[...before, ...(link === undefined ? [] : [link]), ...after].join('\n\n')}\n`,
    html: [
      '<!doctype html><html lang="en"><body style="font-family: sans-serif; line-height: 1.5">',
      ...before.map(paragraph),
      ...(link === undefined ? [] : [`<p><a href="${escapeHtml(link)}">${escapeHtml(label)}</a></p>`]),
      ...after.map(paragraph),
      '</body></html>',
    ].join('\n'),
  };
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
