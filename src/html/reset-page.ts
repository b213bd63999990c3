import { markup } from './html.js';
import { linkPage } from './link-page.js';
import type { Page } from './page.js';
import type { View } from './view.js';

/** The page on which a password is reset. */
export function resetPage(view: View, passwordMinLength: number): Page {
  return linkPage(view, {
    title: 'reset.title',
    endpoint: 'account/password',
    field: 'reset_password_token',
    done: 'reset.done',
    used: 'reset.used',
    form: markup`<label for="password">${view.say('reset.password')}</label>
<input id="password" type="password" autocomplete="new-password" dir="auto" required aria-describedby="hint problem">
<p class="hint" id="hint">${view.say('reset.hint', { count: passwordMinLength })}</p>
<label><input id="show" type="checkbox"> ${view.say('page.showPassword')}</label>
<button id="save" type="submit">${view.say('reset.button')}</button>`,
  });
}
