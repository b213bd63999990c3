import { linkPage } from './link-page.js';

/** The page on which a password is reset. */
export function resetPage(passwordMinLength: number): string {
  return linkPage({
    title: 'Choose a new password',
    endpoint: 'account/password',
    field: 'reset_password_token',
    done: 'Your password has been changed. You can now sign in with it.',
    used: 'This link has been used or has expired. Request a new one.',
    form: `<label for="password">New password</label>
<input id="password" type="password" autocomplete="new-password" required aria-describedby="hint problem">
<p class="hint" id="hint">At least ${passwordMinLength} characters.</p>
<label><input id="show" type="checkbox"> Show password</label>
<button id="save" type="submit">Save</button>`,
  });
}
