import { readFileSync } from 'node:fs';
import { isolated, markup, type Html } from './html.js';
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

/** The page on which a link is asked for. It needs no script. */
export function askPage(view: View, asked: AskedLink, attempt?: { problem: string; email: string }): Page {
  const title = view.say(`ask.${asked.kind}.title`);
  const described = attempt && markup` aria-invalid="true" aria-describedby="problem"`;
  const state = stateOf(asked);
  return {
    title,
    state,
    main: markup`<h1>${title}</h1>
<p>${view.say(`ask.${asked.kind}`)}</p>
<p id="problem" class="wrong" role="alert">${attempt?.problem}</p>
<form method="post" action="${view.here(state)}">
<label for="email">${view.say('page.email')}</label>
<input id="email" name="email" type="text" inputmode="email" required maxlength="254" autocomplete="username"
autocapitalize="none" spellcheck="false" dir="auto" autofocus${described}
value="${attempt?.email}">
<button type="submit">${view.say('ask.button')}</button>
</form>
${back(view, asked)}`,
  };
}

/** The page after that, which is the same whether or not there is such an account. */
export function sentPage(view: View, asked: AskedLink, email: string): Page {
  const title = view.say('ask.sent.title');
  const state = stateOf(asked);
  const address = markup`<strong>${isolated(email)}</strong>`;
  const sent =
    asked.lifetime === undefined
      ? view.html('ask.sent.claim', { email: address })
      : view.html('ask.sent', { email: address, lifetime: view.texts.duration(asked.lifetime) });
  return {
    title,
    state,
    ...(asked.returnTo !== undefined && { script: SCRIPT }),
    main: markup`<h1>${title}</h1>
<p class="right" role="status" tabindex="-1" autofocus>${sent}</p>
<p class="hint">${view.say('ask.sent.hint')}</p>
<p class="ways"><a href="${view.here(state)}">${view.say('ask.sent.other')}</a></p>
${back(view, asked)}`,
  };
}

const stateOf = ({ kind, returnTo }: AskedLink) => ({
  ...(kind === 'invitation' && { for: kind }),
  ...(returnTo !== undefined && { wayf: returnTo }),
});

function back(view: View, { returnTo }: AskedLink): Html {
  if (returnTo === undefined) return markup``;
  return markup`<p class="ways" data-for="${returnTo}"><a href="${view.to(`/wayf/${returnTo}`)}">${view.say('ways.back')}</a></p>`;
}
