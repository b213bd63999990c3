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
}

const SCRIPT = readFileSync(new URL('./scripts/link-page.js', import.meta.url), 'utf8');

export function linkPage(view: View, { title, form, endpoint, field, done, used }: LinkPage): Page {
  const attributes = Object.entries({
    endpoint,
    field,
    done: view.say(done),
    used: view.say(used),
    incomplete: view.say('link.incomplete'),
    unreachable: view.say('link.unreachable'),
  }).map(([name, text]) => markup`data-${name}="${text}"`);
  return {
    title: view.say(title),
    script: SCRIPT,
    main: markup`<h1>${view.say(title)}</h1>
<noscript><p>${view.say('link.needsScript')}</p></noscript>
<p id="problem" class="wrong" role="alert" tabindex="-1"></p>
<form id="form" hidden
${attributes}>
${form}
</form>
<p id="done" class="right" role="status" tabindex="-1"></p>`,
  };
}
