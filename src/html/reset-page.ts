import { markup } from './html.js';
import { goOn, linkPage, USERNAME } from './link-page.js';
import type { Page } from './page.js';
import type { View } from './view.js';

export interface ResetPage {
  passwordMinLength: number;
  /** Whether it is somebody's first password, to which they were invited. */
  isInvitation: boolean;
  /** The identification to sign in for afterwards. */
  returnTo: string | undefined;
  /** What is said of a password that is refused, by what the API says of it. */
  problems: Record<string, string>;
}

/** The page on which a password is chosen, with the link of a reset or an invitation. */
export function resetPage(view: View, { passwordMinLength, isInvitation, returnTo, problems }: ResetPage): Page {
  const state = { ...(isInvitation && { for: 'invitation' }), ...(returnTo !== undefined && { wayf: returnTo }) };
  return linkPage(view, {
    title: isInvitation ? 'invitation.title' : 'reset.title',
    endpoint: 'account/password',
    field: 'reset_password_token',
    done: 'reset.done',
    used: 'reset.used',
    problems,
    state,
    next: goOn(view),
    ...(returnTo !== undefined && { back: { to: view.to(`/wayf/${returnTo}`), text: 'ways.signIn', for: returnTo } }),
    again: view.to('/password/forgot', state),
    form: markup`${USERNAME}
<label for="password">${view.say('reset.password')}</label>
<input id="password" type="password" autocomplete="new-password" dir="auto" required aria-describedby="hint problem">
<p class="hint" id="hint">${view.say('reset.hint', { count: passwordMinLength })}</p>
<label><input id="show" type="checkbox"> ${view.say('page.showPassword')}</label>
<button id="save" type="submit">${view.say('reset.button')}</button>`,
  });
}
