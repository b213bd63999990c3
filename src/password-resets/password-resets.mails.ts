import { inWords, linkMail } from '../mail/link-mail.js';
import type { MailContent } from '../mail/mail-message.js';

interface Settings {
  publicUrl: string;
  resetTtl: number;
  invitationTtl: number;
}

/** The mail that carries a reset link. */
export function resetMail(email: string, link: string, { publicUrl, resetTtl }: Settings): MailContent {
  const { host } = new URL(publicUrl);
  return linkMail({
    subject: `Choose a new password for ${host}`,
    before: [
      `Somebody, probably you, asked for a new password for ${email} at ${host}.`,
      `Open this link within ${inWords(resetTtl)} to choose one:`,
    ],
    link,
    label: 'Choose a new password',
    after: ['If it was not you, there is nothing to do: your password stays as it is.'],
  });
}

/** The mail that tells somebody that an account was made for them. */
export function invitationMail(email: string, link: string, { publicUrl, invitationTtl }: Settings): MailContent {
  const { host } = new URL(publicUrl);
  return linkMail({
    subject: `You are invited to ${host}`,
    before: [
      `An account was made for ${email} at ${host}.`,
      `Open this link within ${inWords(invitationTtl)} to choose its password:`,
    ],
    link,
    label: 'Choose a password',
    after: ['If you expect no invitation, there is nothing to do: nobody can sign in without a password.'],
  });
}
