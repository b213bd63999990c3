import { whenAndFrom, type Asked, type MailWriter, type Paragraph } from '../mail/link-mail.js';
import type { MailContent } from '../mail/mail-message.js';

/** What the mail is about. */
interface Reset extends Asked {
  email: string;
  link: string;
}

/** The mail that carries a reset link. */
export function resetMail(writer: MailWriter, { email, link, ...asked }: Reset): MailContent {
  return writer.write({
    subject: 'mail.reset.subject',
    before: [['mail.reset.text', { email }], ...whenAndFrom(asked), ['mail.reset.link', { lifetime: asked.lifetime }]],
    link,
    label: 'mail.reset.button',
    after: ['mail.reset.ignore'],
  });
}

interface Invitation extends Reset {
  /** The name of whoever invites; null: not known. */
  invitedBy: string | null;
}

/** The mail that invites the holder of a new account to choose a password. */
export function invitationMail(writer: MailWriter, { email, link, invitedBy, ...asked }: Invitation): MailContent {
  const by: Paragraph[] = invitedBy === null ? [] : [['mail.invitation.by', { name: invitedBy }]];
  return writer.write({
    subject: 'mail.invitation.subject',
    before: [
      ['mail.invitation.text', { email }],
      ...by,
      ...whenAndFrom(asked),
      ['mail.invitation.link', { lifetime: asked.lifetime }],
    ],
    link,
    label: 'mail.invitation.button',
    after: ['mail.invitation.ignore'],
  });
}
