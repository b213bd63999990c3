import type { SendMailOptions } from 'nodemailer';
import { domainOf, type MailAddress } from '../config/mail-address.js';

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
 * @param from MAIL_FROM. Nodemailer quotes or encodes the name (RFC 5322, RFC 2047) of an object, and takes a string for a
 *   list of addresses
 */
export function composeMessage(from: MailAddress, { id, recipient, subject, text, html }: Mail): SendMailOptions {
  return {
    // A copy: nodemailer writes into it.
    from: { ...from },
    // An object is taken as one address; a string would be parsed as a list of them.
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
