import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from './process.js';
import type { TestServer } from './server.js';

/** The folder that a server without SMTP_URL puts its mails into. */
export interface Mailbox {
  folder: string;
}

export const startMailbox = (server: TestServer): Mailbox => ({ folder: join(server.config.dataDir, 'mail') });

/** @returns the whole mails to an address, once there is one, oldest first */
export async function mailsTo({ folder }: Mailbox, email: string): Promise<string[]> {
  let found: string[] = [];
  await eventually(async () => {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.eml')).sort();
    const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
    found = texts.filter((text) => text.includes(`\nTo: ${email}\n`));
    if (found.length === 0) throw new Error(`There is no mail to ${email} yet.`);
  });
  return found;
}

/** @returns the link in the plain text of a mail, once it is there */
export async function mailedLink(mailbox: Mailbox, email: string): Promise<string> {
  const mail = (await mailsTo(mailbox, email)).at(-1) ?? '';
  const text = mail.replaceAll(/=\n/g, '').replaceAll('=3D', '=');
  return /^http:\S*#token=\S+$/m.exec(text)?.[0] ?? '';
}
