import { inWords, linkMail } from '../mail/link-mail.js';
import type { MailContent } from '../mail/mail-message.js';

/** The mail that has somebody show that they read the mails of an address. */
export function verificationMail(email: string, link: string, publicUrl: string, lifetime: number): MailContent {
  const { host } = new URL(publicUrl);
  return linkMail({
    subject: `Verify your email for ${host}`,
    before: [
      `Somebody, probably you, has an account with the email ${email} at ${host}.`,
      `Open this link within ${inWords(lifetime)} to show that the email is yours:`,
    ],
    link,
    label: 'Verify the email',
    after: ['If it was not you, there is nothing to do: nobody can sign in with your email.'],
  });
}

/** The mail that tells an address that it is no longer that of an account. */
export function emailChangedMail(email: string, link: string, publicUrl: string, lifetime: number): MailContent {
  const { host } = new URL(publicUrl);
  return linkMail({
    subject: `The email of your account at ${host} was changed`,
    before: [
      `Your account at ${host} had the email ${email} and has another one now. If that was you, there is nothing to do.`,
      `If it was not, open this link within ${inWords(lifetime)}. It brings your email back, ends every session, and has ` +
        'you choose a new password:',
    ],
    link,
    label: 'Undo the change',
    after: [],
  });
}
