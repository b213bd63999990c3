import { readFileSync } from 'node:fs';
import { markup, type Html } from './html.js';
import type { Page } from './page.js';
import type { View } from './view.js';

const SCRIPT = readFileSync(new URL('./scripts/link-asked.js', import.meta.url), 'utf8');

/** A link that is mailed to whoever asks for it. */
export interface AskedLink {
  kind: 'reset' | 'invitation' | 'verification';
  /** How long it can be used, in seconds; absent: as long as the mail says, as it may be an older one. */
  lifetime?: number;
  /** The identification that it is to lead back to. */
  returnTo?: string | undefined;
}

/** Where each is asked for. */
const PATHS = {
  reset: '/password/forgot',
  invitation: '/password/forgot',
  verification: '/email/verify/again',
} as const;

/** The page on which a link is asked for. It needs no script, which only notes for which identification it was asked for here. */
export function askPage(view: View, asked: AskedLink, attempt?: { problem: string; email: string }): Page {
  const title = view.say(`ask.${asked.kind}.title`);
  const described = attempt && markup` aria-invalid="true" aria-describedby="problem"`;
  const state = stateOf(asked);
  const noted = asked.returnTo !== undefined && markup` data-for="${asked.returnTo}"`;
  return {
    title,
    state,
    ...(asked.returnTo !== undefined && { script: SCRIPT }),
    main: markup`<h1>${title}</h1>
<p>${view.say(`ask.${asked.kind}`)}</p>
<p id="problem" class="wrong" role="alert">${attempt?.problem}</p>
<form method="post" action="${view.here(state)}"${noted}>
<label for="email">${view.say('page.email')}</label>
<input id="email" name="email" type="text" inputmode="email" required maxlength="254" autocomplete="username"
autocapitalize="none" spellcheck="false" dir="auto" autofocus${described}
value="${attempt?.email}">
<button type="submit">${view.say('ask.button')}</button>
</form>
${back(view, asked)}`,
  };
}

/** @returns the address of the page after that, in which nothing is of the visitor's own */
export const sentAddress = (view: View, asked: AskedLink): string =>
  view.to(`${PATHS[asked.kind]}/sent`, stateOf(asked));

/** The page after that, which is the same whoever has asked, and whether or not there is such an account. */
export function sentPage(view: View, asked: AskedLink): Page {
  const title = view.say('ask.sent.title');
  const state = stateOf(asked);
  const sent =
    asked.lifetime === undefined
      ? view.say('ask.sent.claim')
      : view.say('ask.sent', { lifetime: view.texts.duration(asked.lifetime) });
  return {
    title,
    state,
    main: markup`<h1>${title}</h1>
<p class="right" role="status" tabindex="-1" autofocus>${sent}</p>
<p class="hint">${view.say('ask.sent.hint')}</p>
<p class="ways"><a href="${view.to(PATHS[asked.kind], state)}">${view.say('ask.sent.other')}</a></p>
${back(view, asked)}`,
  };
}

/** @returns the query that says for what a link is asked for */
export const stateOf = ({ kind, returnTo }: AskedLink) => ({
  ...(kind === 'invitation' && { for: kind }),
  ...(returnTo !== undefined && { wayf: returnTo }),
});

function back(view: View, { returnTo }: AskedLink): Html {
  if (returnTo === undefined) return markup``;
  return markup`<p class="ways"><a href="${view.to(`/wayf/${returnTo}`)}">${view.say('ways.back')}</a></p>`;
}
