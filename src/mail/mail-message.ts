import type { SendMailOptions } from 'nodemailer';
import addressparser from 'nodemailer/lib/addressparser';

/** The content of a mail, in plain text and in HTML. */
export interface MailContent {
  subject: string;
  text: string;
  html: string;
}

/** A mail that is ready to be sent. */
export interface Mail extends MailContent {
  /** A uuid. Becomes the Message-ID, by which a mail server can detect a mail that it is sent twice. */
  id: string;
  recipient: string;
}

/**
 * The message for nodemailer (RFC 5322), with text and HTML as alternatives.
 *
 * @param from MAIL_FROM: an address, or a name and an address
 */
export function composeMessage(from: string, { id, recipient, subject, text, html }: Mail): SendMailOptions {
  return {
    from,
    // A string would be parsed as a list of addresses.
    to: { name: '', address: recipient },
    maxRecipients: 1,
    subject,
    text,
    html,
    messageId: `<${id}@${domainOf(from)}>`,
    // RFC 3834: keeps vacation replies from answering.
    headers: { 'Auto-Submitted': 'auto-generated' },
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

function domainOf(from: string): string {
  const address = addressparser(from, { flatten: true })[0]?.address ?? '';
  return /@([^@\s]+)$/.exec(address)?.[1] ?? 'localhost';
}
