import { readFileSync } from 'node:fs';
import type { MessageId } from '../messages/catalogue.js';
import { markup, type Html } from './html.js';
import type { Page } from './page.js';
import type { View } from './view.js';

/** A page that a link in a mail opens. Only its form acts: mail scanners open links too. */
export interface LinkPage {
  title: MessageId;
  /** What is inside the form, including its button. */
  form: Html;
  /** The path to send the token to, relative to the root, and the name of its field. */
  endpoint: string;
  field: string;
  /** The messages when the token was accepted, and when it has been used or has expired. */
  done: MessageId;
  used: MessageId;
  /** What is said of a password that is refused, by what the API says of it. */
  problems?: Record<string, string>;
  /** What is said of other refusals, by what the API says of them; where nothing is, it goes by their status. */
  refusals?: Record<string, string>;
  /** The query that says what the page is for. */
  state?: Record<string, string>;
  /** Where to go on when it is done. */
  next?: Way | undefined;
  /** Where to go on instead, in the browser in which the link was asked for on behalf of this identification. */
  back?: Way & { for: string };
  /** Where to get another link. */
  again?: string;
}

interface Way {
  to: string;
  text: MessageId;
}

const SCRIPT = readFileSync(new URL('./scripts/link-page.js', import.meta.url), 'utf8');

export function linkPage(view: View, { title, form, endpoint, field, done, used, ...page }: LinkPage): Page {
  const attributes = Object.entries({
    endpoint,
    field,
    done: view.say(done),
    used: view.say(used),
    perhaps: view.say('link.perhapsDone'),
    incomplete: view.say('link.incomplete'),
    unreachable: view.say('link.unreachable'),
    problems: JSON.stringify({ ...page.problems, other: view.say('password.refused') }),
    refusals: JSON.stringify({ ...byStatus(view), ...page.refusals }),
  }).map(([name, text]) => markup`data-${name}="${text}"`);
  return {
    title: view.say(title),
    state: page.state ?? {},
    script: SCRIPT,
    main: markup`<h1>${view.say(title)}</h1>
<noscript><p>${view.say('link.needsScript')}</p></noscript>
<p id="problem" class="wrong" role="alert" tabindex="-1"></p>
<form id="form" hidden
${attributes}>
${form}
</form>
<p id="done" class="right" role="status" tabindex="-1"></p>
${page.next && way(view, 'next', page.next)}
${page.back && way(view, 'back', page.back, markup` data-for="${page.back.for}"`)}
${page.again && way(view, 'again', { to: page.again, text: 'ways.newLink' })}`,
  };
}

/** What is said of refusals with these statuses, and of `other` ones. */
const byStatus = (view: View) => ({
  403: view.say('error.forbidden'),
  429: view.say('error.tooMany'),
  500: view.say('error.internal'),
  503: view.say('error.unavailable'),
  other: view.say('error.badRequest'),
});

/** A way on, which is shown when the form is gone. */
const way = (view: View, id: string, { to, text }: Way, attributes?: Html) =>
  markup`<p id="${id}"${attributes} hidden><a class="button" href="${to}">${view.say(text)}</a></p>`;

/** @returns where accounts are used, as far as an operator has said */
export const goOn = ({ brand }: View): Way | undefined =>
  brand.appUrl === undefined ? undefined : { to: brand.appUrl, text: 'ways.goOn' };

/** What password managers store a password under; the script fills it in when the server has said whose it is. */
export const USERNAME = markup`<input id="username" type="text" autocomplete="username" hidden>`;
