import { ON_BRAND_COLOR } from '../config/branding.js';
import { brandOf, type Brand } from '../html/brand.js';
import { isolated, markup } from '../html/html.js';
import { View } from '../html/view.js';
import type { MessageId } from '../messages/catalogue.js';
import { languageOf } from '../messages/languages.js';
import { textsIn } from '../messages/texts.js';
import type { MailContent } from './mail-message.js';

/** The message for the token of a link that cannot be used. */
export const UNUSABLE_LINK = 'is invalid, has expired or has already been used';

/** Words of others that stand in a message; `lifetime` is in seconds, `time` a moment. */
export interface MailValues {
  email?: string;
  name?: string;
  origin?: string;
  address?: string;
  lifetime?: number;
  time?: Date;
}

/** A paragraph: a message of the catalogues, and what is put into it beside the operator's name. */
export type Paragraph = MessageId | readonly [MessageId, MailValues];

/** How a link came to be, and how long it lasts. */
export interface Asked {
  askedAt: Date;
  /** An address; null: unknown, or nobody's concern. */
  askedFrom: string | null;
  /** What is left of it, in seconds. */
  lifetime: number;
}

/** @returns when something was asked for, and from where */
export function whenAndFrom({ askedAt, askedFrom }: Asked): Paragraph[] {
  const from: Paragraph[] = askedFrom === null ? [] : [['mail.from', { origin: askedFrom }]];
  return [['mail.when', { time: askedAt }], ...from];
}

/** A mail of a few paragraphs, usually with a link. */
export interface LinkMail {
  subject: MessageId;
  before: Paragraph[];
  link?: string;
  /** The text of the link in HTML. */
  label?: MessageId;
  after?: Paragraph[];
}

/** Colours that mail programs replace in the dark as they see fit, told by `color-scheme` that they may. */
const STYLE = {
  root: ':root{color-scheme:light dark;supported-color-schemes:light dark}',
  body: 'margin:0;padding:24px 16px;font:16px/1.5 system-ui,sans-serif',
  letter: 'max-width:32rem;margin:0 auto',
  name: 'margin:0 0 24px;font-weight:600',
  button: (color: string) =>
    `display:inline-block;padding:10px 20px;border-radius:6px;background:${color};color:${ON_BRAND_COLOR};font-weight:600;text-decoration:none`,
  address: 'font-size:14px;word-break:break-all',
  foot: 'margin-top:32px;font-size:14px',
};

/** How the mails to one recipient are written: in their language, and with the operator's name. */
export class MailWriter {
  /** The page on which a link to choose a new password is asked for. */
  readonly forgotten: string;
  private readonly view: View;

  /** @param locale the recipient's, a tag of BCP 47; null: not known */
  constructor(config: Parameters<typeof brandOf>[0], locale: string | null) {
    this.forgotten = `${config.publicUrl}/password/forgot`;
    this.view = new View(brandOf(config), textsIn(languageOf(locale)));
  }

  /** @returns the mail in plain text and in HTML, with the operator's name, and where there is help */
  write({ subject, before, link, label, after = [] }: LinkMail): MailContent {
    const { supportUrl } = this.brand;
    const help: Paragraph[] = supportUrl === undefined ? [] : [['mail.help', { address: addressOf(supportUrl) }]];
    const lines = (paragraphs: Paragraph[]) => paragraphs.map((paragraph) => this.text(paragraph));
    const text = [...lines(before), ...(link === undefined ? [] : [link]), ...lines(after), ...lines(help)].join(
      '\n\n',
    );
    return {
      subject: this.text(subject),
      text: `${text}\n`,
      html: this.html({ subject, before, link, label, after }, help),
    };
  }

  private get brand(): Brand {
    return this.view.brand;
  }

  private html(
    mail: Omit<LinkMail, 'link' | 'label'> & { link: string | undefined; label: MessageId | undefined },
    help: Paragraph[],
  ): string {
    const { subject, before, link, label, after = [] } = mail;
    const { language, direction } = this.view.texts;
    const action = markup`<p><a href="${link}" style="${STYLE.button(this.brand.color)}">${label && this.text(label)}</a></p>
<p dir="ltr" style="${STYLE.address}">${link}</p>`;
    const paragraphs = (all: Paragraph[]) => all.map((one) => markup`<p>${this.marked(one)}</p>`);
    return markup`<!doctype html>
<html lang="${language}" dir="${direction}"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark"><title>${this.text(subject)}</title><style>${STYLE.root}</style></head>
<body dir="${direction}" style="${STYLE.body}"><div lang="${language}" dir="${direction}" style="${STYLE.letter}">
<p style="${STYLE.name}">${isolated(this.brand.name)}</p>
${paragraphs(before)}
${link !== undefined && action}
${paragraphs(after)}
${help.map((one) => markup`<p style="${STYLE.foot}">${this.marked(one)}</p>`)}
</div></body></html>
`.text;
  }

  private text(paragraph: Paragraph): string {
    const [id, { known, foreign }] = this.read(paragraph);
    const isolate = (word: string) => (this.meetsOtherDirection(word) ? `\u2068${word}\u2069` : word);
    return this.view.say(id, { ...known, ...mapped(foreign, isolate) });
  }

  private marked(paragraph: Paragraph) {
    const [id, { known, foreign }] = this.read(paragraph);
    return this.view.html(id, { ...known, ...mapped(foreign, isolated) });
  }

  /** @returns the message, what is put into it in the language of the mail, and the words of others */
  private read(paragraph: Paragraph) {
    const [id, { lifetime, time, ...words }] = typeof paragraph === 'string' ? ([paragraph, {}] as const) : paragraph;
    const known: Record<string, string> = {
      ...(lifetime !== undefined && { lifetime: this.view.texts.duration(nearly(lifetime)) }),
      ...(time && { time: inUtc(time, this.view.texts.language) }),
    };
    const foreign: Record<string, string> = { service: this.brand.name, ...words };
    return [id, { known, foreign }] as const;
  }

  /** Whether plain text shows a word out of place, unless it is isolated (Unicode Bidirectional Algorithm, UAX #9). */
  private meetsOtherDirection(word: string): boolean {
    return this.view.texts.direction === 'rtl' || /[\p{Script=Arabic}\p{Script=Hebrew}]/u.test(word);
  }
}

const mapped = <T>(words: Record<string, string>, change: (word: string) => T): Record<string, T> =>
  Object.fromEntries(Object.entries(words).map(([name, word]) => [name, change(word)]));

/** To the minute, as a mail is written a moment after its link was made. */
const nearly = (seconds: number) => (seconds < 60 ? seconds : Math.round(seconds / 60) * 60);

/** Such as `28 November 2026, 10:21 UTC`. */
function inUtc(time: Date, language: string): string {
  const locale = language === 'en' ? 'en-GB' : `${language}-u-ca-gregory-nu-latn`;
  const date = new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeZone: 'UTC' }).format(time);
  return `${date}, ${time.toISOString().slice(11, 16)} UTC`;
}

/** Where there is help, as people write it: an email address without what a link adds to it. */
function addressOf(supportUrl: string): string {
  const { protocol, pathname } = new URL(supportUrl);
  return protocol === 'mailto:' ? decodeURIComponent(pathname) : supportUrl;
}
