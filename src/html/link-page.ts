import { readFileSync } from 'node:fs';
import { escapeHtml, htmlPage, pagePolicy } from './page.js';

/** A page that a link in a mail opens. Only its form acts: mail scanners open links too. */
export interface LinkPage {
  title: string;
  /** The HTML inside the form, including its button. */
  form: string;
  /** The path to send the token to, relative to the root, and the name of its field. */
  endpoint: string;
  field: string;
  /** The messages when the token was accepted, and when it has been used or has expired. */
  done: string;
  used: string;
}

const SCRIPT = readFileSync(new URL('./scripts/link-page.js', import.meta.url), 'utf8');

/** The Content-Security-Policy of these pages. */
export const LINK_PAGE_POLICY = pagePolicy({ script: SCRIPT });

export function linkPage({ title, form, ...data }: LinkPage): string {
  const attributes = Object.entries({
    ...data,
    incomplete: 'This link is incomplete. Open the link from the mail again.',
    unreachable: 'The server could not be reached. Try again later.',
  }).map(([name, text]) => `data-${name}="${escapeHtml(text)}"`);
  return htmlPage({
    title,
    script: SCRIPT,
    main: `<h1>${title}</h1>
<noscript><p>This page needs JavaScript to read the link from your mail.</p></noscript>
<p id="problem" role="alert" tabindex="-1"></p>
<form id="form" hidden ${attributes.join(' ')}>
${form}
</form>
<p id="done" role="status" tabindex="-1"></p>`,
  });
}
