import type { Brand } from '../html/brand.js';
import { inWords, linkMail } from '../mail/link-mail.js';
import type { MailContent } from '../mail/mail-message.js';

/** The mail with a link that verifies an email. */
export function verificationMail(email: string, link: string, brand: Brand, lifetime: number): MailContent {
  const host = brand.name;
  return linkMail(brand, {
    subject: `Verify your email for ${host}`,
    before: [
      `An account at ${host} was created with, or changed to, the email ${email}.`,
      `If this was you, open this link within ${inWords(lifetime)} to verify your email:`,
    ],
    link,
    label: 'Verify email',
    after: ['If this was not you, you can ignore this mail.'],
  });
}

/** The mail with a link that makes an account. */
export function signUpMail(email: string, link: string, brand: Brand, lifetime: number): MailContent {
  const host = brand.name;
  return linkMail(brand, {
    subject: `Verify your email for ${host}`,
    before: [
      `Somebody is creating an account at ${host} with the email ${email}.`,
      `If this is you, open this link within ${inWords(lifetime)} and enter the password that you signed up with:`,
    ],
    link,
    label: 'Verify email',
    after: ['If this is not you, you can ignore this mail. No account is created without the link and the password.'],
  });
}

/** The mail with a link that gives an account a new email. */
export function changeConfirmationMail(email: string, link: string, brand: Brand, lifetime: number): MailContent {
  const host = brand.name;
  return linkMail(brand, {
    subject: `Confirm your new email for ${host}`,
    before: [
      `The email of an account at ${host} is to be changed to ${email}.`,
      `If this is you, open this link within ${inWords(lifetime)} and enter the password of your account:`,
    ],
    link,
    label: 'Confirm email',
    after: ['If this is not you, you can ignore this mail. Nothing changes without the link and the password.'],
  });
}

/** The mail to whoever has an account already, when somebody asked for another one with their email. */
export function takenEmailMail(email: string, brand: Brand): MailContent {
  const host = brand.name;
  return linkMail(brand, {
    subject: `You already have an account at ${host}`,
    before: [
      `Somebody asked for an account at ${host} with the email ${email}, which already has one.`,
      'If this was you, sign in to it. If you do not remember its password, ask for a new one.',
      'If this was not you, you can ignore this mail. Nothing has changed.',
    ],
    after: [],
  });
}

/** {@link emailChangedMail} without a link, for an address that cannot undo the change. */
export function emailGoneMail(email: string, brand: Brand): MailContent {
  const host = brand.name;
  return linkMail(brand, {
    subject: `The email of your account at ${host} was changed`,
    before: [
      `The email of an account at ${host} was changed from ${email} to another one. If you did not expect this, contact the operator of ${host}.`,
    ],
    after: [],
  });
}

/** The mail that notifies the old address of a change of email, with a link that undoes the change. */
export function emailChangedMail(email: string, link: string, brand: Brand, lifetime: number): MailContent {
  const host = brand.name;
  return linkMail(brand, {
    subject: `The email of your account at ${host} was changed`,
    before: [
      `The email of your account at ${host} was changed from ${email} to another one. If this was you, no action is needed.`,
      `If this was not you, open this link within ${inWords(lifetime)} to restore your email, end every session and ` +
        'choose a new password:',
    ],
    link,
    label: 'Undo the change',
    after: [],
  });
}
