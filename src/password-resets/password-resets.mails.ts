import type { MailWriter } from '../mail/link-mail.js';
import type { MailContent } from '../mail/mail-message.js';

/** What the mail is about; the lifetimes are in seconds. */
interface Reset {
  email: string;
  link: string;
  resetTtl: number;
  invitationTtl: number;
}

/** The mail that carries a reset link. */
export function resetMail(writer: MailWriter, { email, link, resetTtl }: Reset): MailContent {
  return writer.write({
    subject: 'mail.reset.subject',
    before: [
      ['mail.reset.text', { email }],
      ['mail.reset.link', { lifetime: resetTtl }],
    ],
    link,
    label: 'mail.reset.button',
    after: ['mail.reset.ignore'],
  });
}

/** The mail that invites the holder of a new account to choose a password. */
export function invitationMail(writer: MailWriter, { email, link, invitationTtl }: Reset): MailContent {
  return writer.write({
    subject: 'mail.invitation.subject',
    before: [
      ['mail.invitation.text', { email }],
      ['mail.invitation.link', { lifetime: invitationTtl }],
    ],
    link,
    label: 'mail.invitation.button',
    after: ['mail.invitation.ignore'],
  });
}
