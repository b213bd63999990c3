import type { Brand } from '../html/brand.js';
import { linkMail } from '../mail/link-mail.js';
import type { MailContent } from '../mail/mail-message.js';
import type { PasswordChangeEntity, PasswordChangeWay } from './password-changes.entity.js';

export type PasswordChange = Pick<PasswordChangeEntity, 'way' | 'address' | 'userAgent' | 'changedAt'>;

const LONGEST_USER_AGENT = 200;

/** The mail that tells the holder of an account that its password was changed. It has no link, so that none need be trusted. */
export function passwordChangedMail(change: PasswordChange, brand: Brand): MailContent {
  const host = brand.name;
  const { way, changedAt } = change;
  const isRemoved = way === 'admin' || way === 'undo';
  const subject = `Your password for ${host} was ${isRemoved ? 'removed' : 'changed'}`;
  return linkMail(brand, {
    subject,
    before: [WHAT[way](host), `When: ${inUtc(changedAt)}`, ...whereFrom(change)],
    after: NEXT[way](host),
  });
}

const WHAT: Record<PasswordChangeWay, (host: string) => string> = {
  session: (host) => `The password of your account at ${host} was changed by somebody who was signed in to it.`,
  moved: (host) =>
    `The email and the password of your account at ${host} were changed by somebody who was signed in to it.`,
  link: (host) => `The password of your account at ${host} was set with a link that was sent to this address.`,
  admin: (host) => `An administrator removed the password of your account at ${host}. Everybody was signed out of it.`,
  undo: (host) =>
    `The change of the email of your account at ${host} was undone, with a link that was sent to this address. The password ` +
    'was removed, as somebody else may know it, and everybody was signed out.',
};

const CHOOSE = 'choose a new password: where you sign in, ask for a link to reset it';
const MINE = 'If this was you, no action is needed.';

const notMine = (host: string, what: string) =>
  `If this was not you, ${what} That signs everybody else out. Then contact the operator of ${host}, and change the ` +
  'password of your mailbox if somebody else may have read it.';
const unexpected = (host: string) => `If you did not expect this, contact the operator of ${host}`;

const NEXT: Record<PasswordChangeWay, (host: string) => string[]> = {
  session: (host) => [MINE, notMine(host, `${CHOOSE}.`)],
  moved: (host) => [MINE, notMine(host, 'open the link in our mail about the change of your email, if it has one.')],
  link: (host) => [MINE, notMine(host, `${CHOOSE}.`)],
  admin: (host) => [`To sign in again, ${CHOOSE}. ${unexpected(host)}.`],
  undo: (host) => [
    'To sign in again, choose a new password with the link that we have sent you in another mail.',
    `${unexpected(host)}, and change the password of your mailbox: somebody else may have read it.`,
  ],
};

function whereFrom({ address, userAgent }: PasswordChange): string[] {
  if (address === null) return [];
  return [`From: ${address}${userAgent === null ? '' : ` (${harmless(userAgent)})`}`];
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

/** Such as `28 November 2026, 10:21 UTC`. */
function inUtc(time: Date): string {
  const date = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' }).format(time);
  return `${date}, ${time.toISOString().slice(11, 16)} UTC`;
}
