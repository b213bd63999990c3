import { linkPage } from './link-page.js';

const USED = 'This link has been used or has expired.';

const oneButton = (hint: string, button: string) => `<p>${hint}</p>
<button id="press" type="submit">${button}</button>`;

/** The page on which an email is verified. */
export const verificationPage = (): string =>
  linkPage({
    title: 'Verify your email',
    endpoint: 'account/email',
    field: 'verify_email_token',
    done: 'Your email is verified. You can sign in now.',
    used: USED,
    form: `<p id="hint">Enter the password that you signed up with, or that of your account, to confirm that this is your email.</p>
<label for="password">Password</label>
<input id="password" type="password" autocomplete="current-password" required aria-describedby="hint problem">
<label><input id="show" type="checkbox"> Show password</label>
<button id="press" type="submit">Verify email</button>`,
  });

/** The page on which a change of email is undone. */
export const undoPage = (): string =>
  linkPage({
    title: 'Undo the change of email',
    endpoint: 'account/email/undo',
    field: 'undo_email_token',
    done:
      'Your email has been restored, and everyone has been signed out. You will receive a mail to choose a new ' +
      'password.',
    used: USED,
    form: oneButton(
      'This restores your previous email, signs everyone out of your account and removes its password. You will receive a ' +
        'mail to choose a new one.',
      'Undo the change',
    ),
  });
