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
    form: oneButton(
      'Press the button to confirm that this is your email. You can sign in afterwards.',
      'Verify the email',
    ),
  });

/** The page on which a change of email is undone. */
export const undoPage = (): string =>
  linkPage({
    title: 'Undo the change of your email',
    endpoint: 'account/email/undo',
    field: 'undo_email_token',
    done: 'Your email has been restored and everyone is signed out. You will receive a mail to choose a new password.',
    used: USED,
    form: oneButton(
      'Press the button to restore your previous email. Everyone is signed out of your account, its password is removed, ' +
        'and you receive a mail to choose a new one.',
      'Undo the change',
    ),
  });
