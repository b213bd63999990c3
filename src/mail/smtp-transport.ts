import { createTransport, type SMTPPoolOptions } from 'nodemailer';
import { parseConnectionUrl } from 'nodemailer/lib/shared';
import type { MailAddress } from '../config/mail-address.js';
import { composeMessage, type Mail } from './mail-message.js';
import { MailTransport } from './mail-transport.js';

/** In milliseconds, unless SMTP_URL sets others. The limit of the whole attempt applies in any case. */
const TIMEOUTS = { dnsTimeout: 5_000, connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 15_000 };

/** Sends mails to the server in SMTP_URL, over a small pool of connections. */
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
 * Nodemailer's options from SMTP_URL and its query (https://nodemailer.com/smtp/), with our limits.
 *
 * `smtps:` is TLS from the first byte (RFC 8314), `smtp:` STARTTLS where the server offers it. With credentials,
 * STARTTLS is required, unless the URL says `ignoreTLS=true`.
 *
 * @throws when it is not a valid URL; the message omits the URL, which may contain a password
 */
export function smtpOptions(url: string): SMTPPoolOptions {
  const options = parse(url);
  return {
    ...TIMEOUTS,
    maxRequeues: 1,
    ...options,
    // Override the URL: a debug log would contain mails, and so secrets.
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
