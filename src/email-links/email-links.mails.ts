import { whenAndFrom, type Asked, type MailWriter } from '../mail/link-mail.js';
import type { MailContent } from '../mail/mail-message.js';

/** What a mail about an email says: of a change, when it was made and from where. */
export interface Told extends Asked {
  email: string;
}

/** What a mail with a link is about. */
export interface Linked extends Told {
  link: string;
}

/** The mail with a link that verifies an email. */
export function verificationMail(writer: MailWriter, { email, link, ...asked }: Linked): MailContent {
  return writer.write({
    subject: 'mail.verify.subject',
    before: [
      ['mail.verify.text', { email }],
      ...whenAndFrom(asked),
      ['mail.verify.link', { lifetime: asked.lifetime }],
    ],
    link,
    label: 'mail.verify.button',
    after: ['mail.verify.ignore'],
  });
}

/** The mail with a link that makes an account. */
export function signUpMail(writer: MailWriter, { email, link, ...asked }: Linked): MailContent {
  return writer.write({
    subject: 'mail.verify.subject',
    before: [
      ['mail.signUp.text', { email }],
      ...whenAndFrom(asked),
      ['mail.signUp.link', { lifetime: asked.lifetime }],
    ],
    link,
    label: 'mail.verify.button',
    after: ['mail.signUp.ignore'],
  });
}

/** The mail with a link that gives an account a new email. */
export function changeConfirmationMail(writer: MailWriter, { email, link, ...asked }: Linked): MailContent {
  return writer.write({
    subject: 'mail.change.subject',
    before: [
      ['mail.change.text', { email }],
      ...whenAndFrom(asked),
      ['mail.change.link', { lifetime: asked.lifetime }],
    ],
    link,
    label: 'mail.change.button',
    after: ['mail.change.ignore'],
  });
}

/** The mail to whoever has an account already, when somebody asked for another one with their email. */
export function takenEmailMail(writer: MailWriter, email: string, asked: Asked): MailContent {
  return writer.write({
    subject: 'mail.taken.subject',
    before: [['mail.taken.text', { email }], ...whenAndFrom(asked), 'mail.taken.signIn'],
    link: writer.forgotten,
    label: 'signIn.forgot',
    after: ['mail.taken.ignore'],
  });
}

/** {@link emailChangedMail} without a link, for an address that cannot undo the change. */
export function emailGoneMail(writer: MailWriter, { email, ...asked }: Told): MailContent {
  return writer.write({
    subject: 'mail.moved.subject',
    before: [['mail.moved.gone', { email }], ...whenAndFrom(asked)],
  });
}

/** The mail that notifies the old address of a change of email, with a link that undoes the change. */
export function emailChangedMail(writer: MailWriter, { email, link, ...asked }: Linked): MailContent {
  return writer.write({
    subject: 'mail.moved.subject',
    before: [['mail.moved.text', { email }], ...whenAndFrom(asked), ['mail.moved.link', { lifetime: asked.lifetime }]],
    link,
    label: 'mail.moved.button',
  });
}
