import { randomUUID } from 'node:crypto';
import { createTransport } from 'nodemailer';
import type { INestApplicationContext } from '@nestjs/common';
import { EntityManager } from 'typeorm';
import type { Config } from '../config/config.js';
import { describeOpenWay, openWays } from '../config/database-tls.js';
import { HARDENINGS } from '../config/hardening.js';
import { isLoopback } from '../config/loopback.js';
import { DatabaseClock } from '../database/database-clock.service.js';
import { sql } from '../database/sql.js';
import { readEmail } from '../emails/email-address.js';
import { bitsOf } from '../keys/key-ring.js';
import { SecretKeys } from '../keys/secret-keys.js';
import { SigningKeys } from '../keys/signing-keys.service.js';
import { describeFailure } from '../mail/mail-failure.js';
import { SmtpTransport, smtpOptions } from '../mail/smtp-transport.js';
import { failure, messageOf, ok, warning, type Finding } from './doctor.finding.js';
import { UsageError } from './running.js';

const MAIL_LIMIT = 20_000;

/** What is set otherwise than in the hardened profile. */
export function checkHardening(config: Config): Finding[] {
  const open = HARDENINGS.filter(({ isHardened }) => !isHardened(config));
  if (open.length === 0) return [ok('hardening', 'Every setting of docs/hardening.md has its hardened value.')];
  return open.map(({ setting, hardened, protectsFrom }) =>
    warning(
      `hardening: ${setting}`,
      `Not hardened. The hardened value protects from ${protectsFrom}.`,
      `Set ${setting}=${hardened}.`,
    ),
  );
}

/** Whether the ways to a database on another machine are safe. */
export function checkDatabaseTls(config: Config): Finding[] {
  const check = 'TLS to the database';
  const open = openWays(config).map(describeOpenWay);
  if (open.length === 0) return [ok(check, 'The way to the database is verified, or does not leave this machine.')];
  return open.map(({ problem, remedy }) => warning(check, problem, remedy));
}

/** Whether links and tokens name an address that is safe to use. */
export function checkPublicUrl({ publicUrl }: Config): Finding {
  const { protocol, hostname } = new URL(publicUrl);
  const isHere = isLoopback(hostname);
  return protocol === 'https:' || isHere
    ? ok('PUBLIC_URL', `${publicUrl}${isHere ? ', which only this machine reaches' : ''}.`)
    : warning(
        'PUBLIC_URL',
        `${publicUrl} is not https.`,
        'Put TLS in front, and set PUBLIC_URL to the https address: passwords travel there.',
      );
}

/** @param testAddress where a mail is sent to, if it is asked for */
export async function checkMail(
  { smtpUrl, mailFrom, dataDir }: Config,
  testAddress: string | undefined,
): Promise<Finding[]> {
  if (testAddress !== undefined && !('value' in readEmail(testAddress)))
    throw new UsageError('--send-test-mail requires an email address.');
  if (smtpUrl === undefined) {
    const how = `SMTP_URL is not set: mails are written to ${dataDir}/mail, and reach nobody.`;
    return [(testAddress === undefined ? warning : failure)('mail', how, 'Set SMTP_URL and MAIL_FROM.')];
  }
  const transporter = createTransport({ ...smtpOptions(smtpUrl) });
  try {
    await transporter.verify();
  } catch (error) {
    const act = isSignIn(error) ? 'sign in' : 'connect';
    return [failure('mail', `Cannot ${act} to the mail server: ${describeFailure(error)}.`, adviceOn(error))];
  } finally {
    transporter.close();
  }
  const connected = ok(
    'mail',
    `Connected to the mail server${new URL(smtpUrl).password === '' ? '' : ', and signed in'}.`,
  );
  if (testAddress === undefined) return [connected];
  const smtp = new SmtpTransport(smtpUrl, mailFrom, 1);
  try {
    const text = 'Latchkey can send mail. This is the test that an operator has asked for.';
    const mail = { id: randomUUID(), recipient: testAddress, subject: 'Latchkey: test', text, html: `<p>${text}</p>` };
    await smtp.deliver(mail, AbortSignal.timeout(MAIL_LIMIT));
    return [connected, ok('test mail', 'The mail server accepted it. Check that it arrives, and not as spam.')];
  } catch (error) {
    const how = `The mail server rejected it: ${describeFailure(error)}.`;
    return [
      connected,
      failure('test mail', how, 'See what the mail server has logged; it may not relay for MAIL_FROM.'),
    ];
  } finally {
    smtp.close();
  }
}

/** Whether a mail server was reached, and refused the user or the password. */
const isSignIn = (error: unknown) => (error as { code?: string }).code === 'EAUTH';

function adviceOn(error: unknown): string {
  if (isSignIn(error)) return 'Correct the user and the password in SMTP_URL.';
  const { code } = error as { code?: string };
  if (code === 'ETLS' || code === 'ESOCKET')
    return 'Check the port, smtp: (STARTTLS) or smtps:, and whether the certificate is one that Node trusts.';
  return 'Check the host and the port in SMTP_URL, and whether a firewall is in the way.';
}

/** Mails that wait. */
export async function checkMailQueue(context: INestApplicationContext): Promise<Finding> {
  const [row] = await sql<{ waiting: number; age: number | null }>(
    context.get(EntityManager),
    `SELECT count(*)::int AS waiting, extract(epoch FROM now() - min(created_at))::float8 AS age
     FROM outgoing_mails WHERE done_at IS NULL`,
  );
  const { waiting = 0, age = 0 } = row ?? {};
  const how = waiting === 0 ? 'No mail waits.' : `${waiting} wait, the oldest for ${Math.round(age ?? 0)} s.`;
  return (age ?? 0) > 900
    ? warning(
        'mails that wait',
        how,
        'See outgoing_mails.last_error and the log of the servers for why they are not taken.',
      )
    : ok('mails that wait', how);
}

/** Whether the keys can be read, and are those of the servers. */
export async function checkKeys(
  context: INestApplicationContext,
  { signingKeyBits, keyRotationDays }: Config,
): Promise<Finding[]> {
  const ring = await context.get(SigningKeys).ring();
  const key = ring.signingAt(context.get(DatabaseClock).now());
  if (!key) return [warning('signing key', 'There is none yet.', 'Start a server: it makes one.')];
  const age = Math.floor((context.get(DatabaseClock).now() - key.signsFrom) / 86_400);
  const how = `${key.kid} (${key.algorithm}, ${bitsOf(key)} bits) has been signing for ${age} days.`;
  const isShort = bitsOf(key) < signingKeyBits;
  const isOld = keyRotationDays > 0 && age > keyRotationDays + 1;
  const signing =
    isShort || isOld
      ? warning(
          'signing key',
          how,
          isOld
            ? 'Servers replace it on schedule: see why none has, or run latchkey keys rotate.'
            : 'Run latchkey keys rotate.',
        )
      : ok('signing key', how);
  return [signing, await checkSecretKey(context)];
}

async function checkSecretKey(context: INestApplicationContext): Promise<Finding> {
  const { id } = context.get(SecretKeys).current('signing-key');
  const others = await sql<{ id: string }>(
    context.get(EntityManager),
    `SELECT id FROM secret_keys WHERE id <> $1 AND current_until > now() - interval '3 minutes'`,
    [id],
  );
  return others.length > 0
    ? failure(
        'SECRET_KEY',
        `Servers sign with the key ${others.map((one) => one.id).join(', ')}, and this command with ${id}.`,
        'Give all of them the same SECRET_KEY, restart servers that are older than its file, or finish its rotation (docs/operations.md).',
      )
    : ok('SECRET_KEY', `Its id is ${id}; no server signs with another one.`);
}

/** Whether somebody is left to administer. */
export async function checkAdmins(context: INestApplicationContext): Promise<Finding> {
  const [row] = await sql<{ count: number }>(
    context.get(EntityManager),
    `SELECT count(*)::int AS count FROM accounts
     WHERE role = 'admin' AND disabled_at IS NULL AND email IS NOT NULL AND password_hash IS NOT NULL`,
  );
  const count = row?.count ?? 0;
  return count === 0
    ? warning(
        'admins',
        'No admin can sign in.',
        'Run latchkey account create --role admin, or latchkey account reset-password.',
      )
    : ok('admins', `${count} can sign in.`);
}

/** @returns what a check throws, as a finding */
export async function guarded(
  check: string,
  work: () => Promise<Finding | Finding[]>,
  advice: string | ((error: unknown) => string),
): Promise<Finding[]> {
  try {
    return [await work()].flat();
  } catch (error) {
    if (error instanceof UsageError) throw error;
    return [failure(check, messageOf(error), typeof advice === 'string' ? advice : advice(error))];
  }
}
