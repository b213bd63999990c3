import { markup } from './html.js';
import { goOn, linkPage, USERNAME } from './link-page.js';
import type { Page } from './page.js';
import type { View } from './view.js';

/** What pages say of refusals, by what the API says of them. */
export interface Refusals {
  /** Of passwords. */
  problems: Record<string, string>;
  /** Of all else. */
  refusals: Record<string, string>;
}

/** The page on which an email is verified. */
export const verificationPage = (view: View, { problems, refusals }: Refusals): Page =>
  linkPage(view, {
    title: 'verify.title',
    endpoint: 'account/email',
    field: 'verify_email_token',
    done: 'verify.done',
    used: 'link.used',
    problems,
    refusals,
    next: goOn(view),
    again: view.to('/email/verify/again'),
    form: markup`<p id="hint">${view.say('verify.hint')}</p>
${USERNAME}
<label for="password">${view.say('page.password')}</label>
<input id="password" type="password" autocomplete="current-password" dir="auto" required aria-describedby="hint problem">
<label><input id="show" type="checkbox"> ${view.say('page.showPassword')}</label>
<button id="press" type="submit">${view.say('verify.button')}</button>`,
  });

/** The page on which a change of email is undone. */
export const undoPage = (view: View, { refusals }: Pick<Refusals, 'refusals'>): Page =>
  linkPage(view, {
    title: 'undo.title',
    endpoint: 'account/email/undo',
    field: 'undo_email_token',
    done: 'undo.done',
    used: 'link.used',
    refusals,
    next: goOn(view),
    form: markup`<p>${view.say('undo.hint')}</p>
<button id="press" type="submit">${view.say('undo.button')}</button>`,
  });
