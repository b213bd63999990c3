import { inWords, linkMail } from '../mail/link-mail.js';
import type { MailContent } from '../mail/mail-message.js';

/** The mail that has somebody show that they read the mails of an address. */
export function verificationMail(email: string, link: string, publicUrl: string, lifetime: number): MailContent {
  const { host } = new URL(publicUrl);
  return linkMail({
    subject: `Verify your email for ${host}`,
    before: [
      `Someone, probably you, has an account with the email ${email} at ${host}.`,
      `Open this link within ${inWords(lifetime)} to confirm that the email is yours:`,
    ],
    link,
    label: 'Verify the email',
    after: ['If it was not you, you can ignore this mail.'],
  });
}

/** The same without a link, where the account's email was changed before, or whoever had this one had no password yet. */
export function emailGoneMail(email: string, publicUrl: string): MailContent {
  const { host } = new URL(publicUrl);
  return linkMail({
    subject: `The email of your account at ${host} was changed`,
    before: [
      `The email of an account at ${host} was changed from ${email} to another one. If you did not expect this, contact the operator of ${host}.`,
    ],
    after: [],
  });
}

/** The mail that tells an address that it is no longer that of an account, and lets it have the account back. */
export function emailChangedMail(email: string, link: string, publicUrl: string, lifetime: number): MailContent {
  const { host } = new URL(publicUrl);
  return linkMail({
    subject: `The email of your account at ${host} was changed`,
    before: [
      `The email of your account at ${host} was changed from ${email} to another one. If this was you, no action is needed.`,
      `If it was not you, open this link within ${inWords(lifetime)} to restore your email, end every session and ` +
        'choose a new password:',
    ],
    link,
    label: 'Undo the change',
    after: [],
  });
}
