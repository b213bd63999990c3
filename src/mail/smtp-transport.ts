import { createTransport, type SMTPPoolOptions } from 'nodemailer';
import { parseConnectionUrl } from 'nodemailer/lib/shared';
import type { MailAddress } from '../config/mail-address.js';
import { composeMessage, type Mail } from './mail-message.js';
import { MailTransport } from './mail-transport.js';

/** In milliseconds. SMTP_URL may name others; none outlasts the limit of the whole attempt. */
const TIMEOUTS = { dnsTimeout: 5_000, connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 15_000 };

/** Hands mails to the server that SMTP_URL names, over a few connections that are kept for the next mail. */
export class SmtpTransport extends MailTransport {
  private readonly transporter;

  constructor(
    url: string,
    private readonly from: MailAddress,
    maxConnections: number,
  ) {
    super();
    this.transporter = createTransport({ ...smtpOptions(url), pool: true, maxConnections });
  }

  async deliver(mail: Mail, signal: AbortSignal): Promise<string> {
    await this.transporter.sendMail({ ...composeMessage(this.from, mail), signal });
    return 'accepted by the mail server';
  }

  close(): void {
    this.transporter.close({ force: true });
  }
}

/**
 * What nodemailer makes of SMTP_URL and its query options (https://nodemailer.com/smtp/), with our limits.
 *
 * `smtps:` is TLS from the first byte (RFC 8314), `smtp:` STARTTLS where the server offers it. With credentials,
 * STARTTLS is required: they do not travel in the clear unless the URL says `ignoreTLS=true`.
 *
 * @throws when it is not a URL; without the URL, as it may hold a password
 */
export function smtpOptions(url: string): SMTPPoolOptions {
  const options = parse(url);
  return {
    ...TIMEOUTS,
    maxRequeues: 1,
    ...options,
    // Each of these could be said in the URL too: the first two would print mails, which hold secrets.
    logger: false,
    debug: false,
    ...(options.auth && options.ignoreTLS !== true ? { requireTLS: true } : {}),
  };
}

function parse(url: string): SMTPPoolOptions {
  try {
    return parseConnectionUrl(url);
  } catch {
    throw new Error('SMTP_URL must be a URL such as smtps://user:password@mail.example.org');
  }
}
