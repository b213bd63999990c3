import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import type { MailAddress } from '../config/mail-address.js';
import { composeMessage, type Mail } from './mail-message.js';
import { MailTransport } from './mail-transport.js';

/** Nodemailer's quoted-printable would break links into lines, so that they could not be copied from the file. */
const READABLE_TEXT = 'Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n';

/** Writes mails to a folder, one `.eml` file each that only our user can read, for servers without SMTP_URL. */
export class FileTransport extends MailTransport {
  private readonly transporter = createTransport({ streamTransport: true, buffer: true, newline: 'unix' });

  constructor(
    private readonly folder: string,
    private readonly from: MailAddress,
  ) {
    super();
  }

  async deliver(mail: Mail, signal: AbortSignal): Promise<string> {
    const { message } = await this.transporter.sendMail({
      ...composeMessage(this.from, mail),
      text: { raw: READABLE_TEXT + mail.text },
      signal,
    });
    const time = new Date().toISOString().replaceAll(':', '-');
    const path = join(this.folder, `${time}-${mail.id}.eml`);
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    await writeFile(`${path}.tmp`, message as Buffer, { mode: 0o600, flag: 'wx', flush: true });
    await rename(`${path}.tmp`, path);
    return `written to ${path}`;
  }

  close(): void {
    this.transporter.close();
  }
}
