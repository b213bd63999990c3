import type { MessageId } from '../messages/catalogue.js';
import type { Texts, Values } from '../messages/texts.js';
import type { Brand } from './brand.js';
import { Html, escapeHtml, markup } from './html.js';

type Query = Record<string, string>;

/** How pages are written for one visitor: in their language, and with the operator's name. */
export class View {
  /**
   * @param isChosen whether the address says the language, which the pages that this one leads to then say too; otherwise the
   *   browser does
   */
  constructor(
    readonly brand: Brand,
    readonly texts: Texts,
    private readonly isChosen = false,
  ) {}

  /** @returns a message as plain text */
  say(id: MessageId, values?: Values): string {
    return this.texts.say(id, values);
  }

  /** @returns a message as HTML, in which values may be HTML */
  html(id: MessageId, values: Record<string, Html | string | number> = {}): Html {
    const parts = this.texts.parts(id, values);
    return new Html(parts.map((part) => (part instanceof Html ? part.text : escapeHtml(part))).join(''));
  }

  /** @returns the relative address of this page with another query */
  here(query: Query = {}): string {
    return `?${new URLSearchParams({ ...query, ...this.language }).toString()}`;
  }

  /** @returns the address of another page of this server, such as `/password/forgot` */
  to(path: string, query: Query = {}): string {
    const search = new URLSearchParams({ ...query, ...this.language }).toString();
    return `${this.brand.base}${path}${search && '?'}${search}`;
  }

  /** @returns what a form that is sent by GET needs to keep the language: its query replaces that of its address */
  get languageField(): Html {
    return this.isChosen ? markup`<input type="hidden" name="lang" value="${this.texts.language}" />` : markup``;
  }

  private get language(): Query {
    return this.isChosen ? { lang: this.texts.language } : {};
  }
}
