import { readFileSync } from 'node:fs';
import { escapeHtml, htmlPage, pagePolicy } from './page.js';

/** A page that a link in a mail opens. Opening it changes nothing, as mail scanners open links too: only its form does. */
export interface LinkPage {
  title: string;
  /** HTML inside the form, with its button. */
  form: string;
  /** Where the token goes, below the root, and the field that it goes in. */
  endpoint: string;
  field: string;
  /** What is said when it was taken, and when it is used or has expired. */
  done: string;
  used: string;
}

const SCRIPT = readFileSync(new URL('./scripts/link-page.js', import.meta.url), 'utf8');

/** The Content-Security-Policy of these pages. */
export const LINK_PAGE_POLICY = pagePolicy({ script: SCRIPT });

export function linkPage({ title, form, ...data }: LinkPage): string {
  const attributes = Object.entries({
    ...data,
    incomplete: 'This link is incomplete. Open the link in your mail again.',
    unreachable: 'The server could not be reached. Try again.',
  }).map(([name, text]) => `data-${name}="${escapeHtml(text)}"`);
  return htmlPage({
    title,
    script: SCRIPT,
    main: `<h1>${title}</h1>
<noscript><p>This page needs JavaScript: the part of the link that identifies you is only read in your browser.</p></noscript>
<p id="problem" role="alert" tabindex="-1"></p>
<form id="form" hidden ${attributes.join(' ')}>
${form}
</form>
<p id="done" role="status" tabindex="-1"></p>`,
  });
}
