import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { AUDIT_KINDS } from '../audit-log/audit-kinds.js';
import { LoggedEnds, type LoggedEvent } from './logged-ends.js';

const ID = randomUUID();
const at = (minute: number) => `2026-11-28T12:${String(minute).padStart(2, '0')}:00.000Z`;

const event = (minute: number, kind: string, details: Record<string, unknown> = {}, subject: string | null = ID) =>
  ({ id: randomUUID(), at: at(minute), kind, outcome: 'success', subject, details }) satisfies LoggedEvent;

function read(events: LoggedEvent[]): LoggedEnds {
  const ends = new LoggedEnds();
  for (const one of events) ends.add(one);
  return ends;
}

/** Whichever way round the log was exported. */
const bothWays = (events: LoggedEvent[]) => [read(events), read([...events].reverse())];

const texts = (ends: LoggedEnds) => [...ends.undone.values()].map(({ text }) => text);

describe('Of one token', () => {
  const expired = (details: object = {}) => event(1, 'token.expiry_changed', { expires_at: at(1), ...details });

  it.each([
    ['that expired with all that was got through it, and was then deleted', expired({ ended: 1 })],
    ['of which nothing was left by then', expired({ ended: 0 })],
    ['that was deleted with it, and revoked by an import', event(1, 'token.deleted', { ended: 2 })],
  ])('%s, what was got through it ends', (_, first) => {
    for (const later of ['token.deleted', 'token.revoked']) {
      for (const { tokens } of bothWays([first, event(2, later)])) expect([...tokens]).toEqual([[ID, true]]);
    }
  });

  it('that was only deleted, what was got through it stays', () => {
    for (const { tokens } of bothWays([expired(), event(2, 'token.deleted')]))
      expect([...tokens]).toEqual([[ID, false]]);
  });

  it('the last time counts at which it expires', () => {
    const events = [30, 20].map((minute, index) => event(index, 'token.expiry_changed', { expires_at: at(minute) }));
    for (const { expiries, tokens } of bothWays(events)) {
      expect([...expiries]).toEqual([[ID, at(20)]]);
      expect(tokens.size).toBe(0);
    }
  });
});

describe('Of earlier runs of revoke-everything', () => {
  const run = (minute: number, what: string, of = 'everything') => event(minute, `revocation.${what}`, { of }, null);
  const until = (minute: number) => new Date(Date.parse(at(minute)) + 1);

  it('the last one counts, until it had finished', () => {
    for (const ends of bothWays([run(1, 'started'), run(2, 'finished'), run(3, 'started'), run(4, 'finished')])) {
      expect(ends.everythingUntil).toEqual(until(4));
      expect(ends.unfinished).toBeUndefined();
    }
  });

  it('one that is not known to have finished counts until it began, and is told', () => {
    for (const ends of bothWays([run(1, 'started'), run(2, 'finished'), run(3, 'started')])) {
      expect(ends.everythingUntil).toEqual(until(3));
      expect(ends.unfinished).toBe(at(3));
    }
  });

  it('one by a log is told, as what that said is not here', () => {
    for (const ends of bothWays([run(1, 'started', 'events'), run(2, 'finished', 'events')])) {
      expect(ends.everythingUntil).toBeUndefined();
      expect(texts(ends)).toEqual([`revoke-everything --events had run until ${at(2)}: run it with that file, too.`]);
    }
  });

  it('there may be none', () => {
    expect(read([event(1, 'sign_out')]).everythingUntil).toBeUndefined();
  });
});

it('A demotion ends what only admins have, though they are promoted again', () => {
  const events = ['user', 'admin'].map((role, index) => event(index, 'account.role_changed', { role }));
  for (const ends of bothWays(events)) {
    expect(ends.accounts.get(ID)).toEqual([{ tokens: ['admin'] }]);
    expect(ends.demoted.size).toBe(0);
  }
});

it('What was disabled and enabled again has no links of before', () => {
  for (const ends of bothWays([event(1, 'account.disabled'), event(2, 'account.enabled')])) {
    expect(ends.accounts.get(ID)).toContainEqual({ links: 'all' });
    expect(ends.disabled.size).toBe(0);
  }
});

it.each([
  ['account.displaced', {}],
  ['account.email_changed', {}],
  ['account.email_change_undone', {}],
  ['account.password_removed', {}],
  ['account.credentials_changed', {}],
  ['password_reset.redeemed', {}],
  ['oauth_client.changed', { scopes: [] }],
  ['oauth_client.changed', { owner: ID }],
  ['token.changed', {}],
])('%s with %j is told as not done, once', (kind, details) => {
  for (const ends of bothWays([event(1, kind, details), event(2, kind, details)])) {
    expect(texts(ends)).toEqual([expect.stringMatching(new RegExp(`^${ID}: .*${at(2)}`))]);
  }
});

/** What ends nothing that anybody has: looking, asking, making, failing, and what ends by its time. */
const ENDS_NOTHING = [
  ...['access.refused', 'account.changed', 'account.created', 'account.email_change_requested', 'account.email_shared'],
  ...['account.email_verified', 'account.exported', 'account.invited', 'account.listed', 'account.read'],
  ...['account.sign_up_requested', 'account.verification_requested', 'audit.read', 'export.finished', 'export.started'],
  ...['identification.returned', 'import.finished', 'import.started', 'limit.reached', 'mail.refused'],
  ...['oauth_client.created', 'oauth_client.listed', 'oauth_client.read', 'oauth_client.secret_added'],
  ...[
    'password_reset.requested',
    'session.listed',
    'session.read',
    'session.refresh_refused',
    'session.refreshed_late',
  ],
  ...['sign_in', 'sign_in.locked', 'sign_in.unlocked', 'signing_key.advanced', 'signing_key.deleted'],
  ...[
    'signing_key.published',
    'token.described',
    'token.inspected',
    'token.introspected',
    'token.issued',
    'token.listed',
  ],
  ...['token.read', 'token.renamed'],
];

it('Every kind of event that ends something is done again, or told as not done', () => {
  const details = { session: ID, secret: ID, scopes: [], role: 'user', expires_at: at(30), of: 'everything' };
  const nothing = JSON.stringify(contentsOf(read([event(1, 'none')])));
  const idle = AUDIT_KINDS.filter((kind) => JSON.stringify(contentsOf(read([event(1, kind, details)]))) === nothing);
  expect(idle).toEqual(ENDS_NOTHING);
});

const contentsOf = (ends: LoggedEnds) => [
  ends.everythingUntil,
  ...[ends.accounts, ends.disabled, ends.demoted, ends.sessions, ends.tokens, ends.gateways, ends.clients].map(sizeOf),
  ...[ends.deletedClients, ends.secrets, ends.signingKeys, ends.expiries, ends.undone].map(sizeOf),
];

function sizeOf({ size }: { size: number }): number {
  return size;
}
