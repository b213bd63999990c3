import type { Brand } from '../html/brand.js';
import { inWords, linkMail } from '../mail/link-mail.js';
import type { MailContent } from '../mail/mail-message.js';

interface Settings {
  brand: Brand;
  resetTtl: number;
  invitationTtl: number;
}

/** The mail that carries a reset link. */
export function resetMail(email: string, link: string, { brand, resetTtl }: Settings): MailContent {
  const host = brand.name;
  return linkMail(brand, {
    subject: `Choose a new password for ${host}`,
    before: [
      `We received a request to reset the password for ${email} at ${host}.`,
      `Open this link within ${inWords(resetTtl)} to choose a new password:`,
    ],
    link,
    label: 'Choose a new password',
    after: ['If you did not request this, you can ignore this mail. Your password has not changed.'],
  });
}

/** The mail that invites the holder of a new account to choose a password. */
export function invitationMail(email: string, link: string, { brand, invitationTtl }: Settings): MailContent {
  const host = brand.name;
  return linkMail(brand, {
    subject: `You are invited to ${host}`,
    before: [
      `An account has been created for ${email} at ${host}.`,
      `Open this link within ${inWords(invitationTtl)} to choose a password:`,
    ],
    link,
    label: 'Choose a password',
    after: [
      'If you were not expecting an invitation, you can ignore this mail. Nobody can sign in without a password.',
    ],
  });
}
