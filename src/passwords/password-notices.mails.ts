import type { MailWriter, Paragraph } from '../mail/link-mail.js';
import type { MailContent } from '../mail/mail-message.js';
import type { PasswordChangeEntity, PasswordChangeWay } from './password-changes.entity.js';

export type PasswordChange = Pick<PasswordChangeEntity, 'way' | 'address' | 'userAgent' | 'changedAt'>;

const LONGEST_USER_AGENT = 200;

/**
 * The mail that tells the holder of an account that its password was changed. Whoever may still have a password gets no link, so that
 * none need be trusted; whoever has none any more gets the one of the page on which a new one is asked for.
 */
export function passwordChangedMail(change: PasswordChange, writer: MailWriter): MailContent {
  const { way, changedAt } = change;
  const isRemoved = way === 'admin' || way === 'undo';
  const before: Paragraph[] = [`mail.password.way.${way}`, ['mail.when', { time: changedAt }], ...whereFrom(change)];
  const subject = isRemoved ? 'mail.password.removed' : 'mail.password.changed';
  if (way !== 'admin') return writer.write({ subject, before, after: NEXT[way] });
  return writer.write({
    subject,
    before: [...before, 'mail.password.afterAdmin'],
    link: writer.forgotten,
    label: 'mail.reset.button',
    after: ['mail.password.unexpected'],
  });
}

const NEXT: Record<Exclude<PasswordChangeWay, 'admin'>, Paragraph[]> = {
  session: ['mail.password.mine', 'mail.password.notMine'],
  moved: ['mail.password.mine', 'mail.password.notMineMoved'],
  link: ['mail.password.mine', 'mail.password.notMine'],
  undo: ['mail.password.afterUndo', 'mail.password.mailbox'],
};

function whereFrom({ address, userAgent }: PasswordChange): Paragraph[] {
  if (address === null) return [];
  return [['mail.from', { origin: `${address}${userAgent === null ? '' : ` (${harmless(userAgent)})`}` }]];
}

/**
 * A user agent is whatever its client says. Mail programs make links of what looks like one, and whoever changed the password
 * must not write to its holder.
 */
function harmless(userAgent: string): string {
  return userAgent
    .replace(/[^\x20-\x7e]/g, '?')
    .replace(/\S*(:\/\/|@|\.(?=[a-z]{2}))\S*/gi, '…')
    .slice(0, LONGEST_USER_AGENT);
}
