import { isUuid } from '../http/validation.js';
import { CREDENTIALS, EVERYTHING, SIGN_INS, type Extent } from '../revocations/account-revocation.store.js';

/** An event of the audit log, as `GET /api/v1/audit_events/` shows it. */
export interface LoggedEvent {
  id?: unknown;
  at: string;
  kind: string;
  outcome: string;
  subject: string | null;
  details: Record<string, unknown>;
}

/** What an audit log says was ended. */
export class LoggedEnds {
  /** How much of each account. */
  readonly accounts = new Map<string, Extent[]>();
  /** Those that were disabled, and not enabled since, with when; deleted ones too. */
  readonly disabled = new Map<string, string>();
  readonly deleted = new Set<string>();
  /** Those that were demoted, and not promoted since. */
  readonly demoted = new Map<string, string>();
  readonly sessions = new Set<string>();
  /** With whether what was got through them has ended, too. */
  readonly tokens = new Map<string, boolean>();
  readonly gateways = new Map<string, { subject: string; serviceMode: string | null }>();
  readonly clients = new Set<string>();
  readonly deletedClients = new Set<string>();
  /** Ids of secrets by clients. */
  readonly secrets = new Map<string, string>();
  readonly signingKeys = new Set<string>();
  /** When tokens expire that were given another time for that, and had not ended by it at once. */
  readonly expiries = new Map<string, string>();
  /** What cannot be done, by what it is about: a sentence and, if it is known, the event, which the backup may have seen, too. */
  readonly undone = new Map<string, { text: string; event: string | undefined }>();
  events = 0;
  private readonly latest = new Map<string, string>();
  private readonly runs = new Map<string, string>();

  /** @param event in whatever order */
  add(event: LoggedEvent): void {
    this.events += 1;
    if (event.kind === 'session.reused') this.session(event);
    if (event.outcome !== 'success') return;
    if (event.kind.startsWith('revocation.')) this.run(event);
    const act = ACTS[event.kind];
    if (act && event.subject !== null) act(this, event, event.subject);
  }

  session({ details }: LoggedEvent): void {
    if (isUuid(details.session)) this.sessions.add(details.session);
  }

  end(account: string, extent: Extent): void {
    if (isUuid(account)) this.accounts.set(account, [...(this.accounts.get(account) ?? []), extent]);
  }

  /** With `cascade`, also what was got through it: of several ends of one token, one with that is enough. */
  token(id: string, cascade: boolean): void {
    if (isUuid(id)) this.tokens.set(id, cascade || (this.tokens.get(id) ?? false));
  }

  /** Notes what cannot be done; of several about the same, the latest. */
  leave(about: string, event: LoggedEvent, text: string): void {
    if (!this.isLatest('undone', event, about)) return;
    this.undone.set(about, { text, event: isUuid(event.id) ? event.id : undefined });
  }

  /**
   * Until when everything was made that an earlier `revoke-everything` has ended. Of one that is not known to have finished,
   * when it began.
   */
  get everythingUntil(): Date | undefined {
    const latest = [this.runs.get('revocation.started') ?? '', this.runs.get('revocation.finished') ?? '']
      .sort()
      .at(-1);
    // The log's times are cut to milliseconds.
    return latest ? new Date(Date.parse(latest) + 1) : undefined;
  }

  /** When a `revoke-everything` began that is not known to have finished. */
  get unfinished(): string | undefined {
    const began = this.runs.get('revocation.started');
    return began !== undefined && began > (this.runs.get('revocation.finished') ?? '') ? began : undefined;
  }

  private run(event: LoggedEvent): void {
    const { at, kind, details } = event;
    if (details.of === 'events') {
      this.leave(
        'earlier events',
        event,
        `revoke-everything --events had run until ${at}: run it with that file, too.`,
      );
    } else if ((this.runs.get(kind) ?? '') < at) this.runs.set(kind, at);
  }

  /** @returns whether nothing later is known of this about the account */
  isLatest(what: string, { at }: LoggedEvent, account: string): boolean {
    const key = `${what} ${account}`;
    if ((this.latest.get(key) ?? '') > at) return false;
    this.latest.set(key, at);
    return true;
  }
}

type Act = (ends: LoggedEnds, event: LoggedEvent, subject: string) => void;

const ALL_LINKS: Extent = { links: 'all' };
const OF_ADMINS: Extent = { tokens: ['admin'] };

const oldCredentials: Act = (ends, event, subject) => {
  const text = `${subject}: its email or password was changed at ${event.at}, and is again what it was before.`;
  ends.leave(`credentials ${subject}`, event, text);
};
const credentials: Act = (ends, event, subject) => {
  ends.end(subject, CREDENTIALS);
  oldCredentials(ends, event, subject);
};
const everything: Act = (ends, _event, subject) => {
  ends.end(subject, EVERYTHING);
};
const tokenEnded: Act = (ends, { details }, subject) => {
  ends.token(subject, details.ended !== undefined);
};

const disabled: Act = (ends, event, subject) => {
  ends.end(subject, EVERYTHING);
  ends.end(subject, ALL_LINKS);
  if (ends.isLatest('disabled', event, subject)) ends.disabled.set(subject, event.at);
};

/** What events say was ended. */
const ACTS: Record<string, Act | undefined> = {
  'account.revoked': everything,
  'account.displaced': (ends, event, subject) => {
    ends.end(subject, EVERYTHING);
    ends.end(subject, ALL_LINKS);
    const text = `${subject}: it had lost its email at ${event.at} to somebody who proved it, and has it again.`;
    ends.leave(`displaced ${subject}`, event, text);
  },
  'account.email_change_undone': (ends, event, subject) => {
    ends.end(subject, EVERYTHING);
    oldCredentials(ends, event, subject);
  },
  'account.credentials_changed': credentials,
  'account.email_changed': credentials,
  'account.password_removed': credentials,
  'password_reset.redeemed': credentials,
  sign_out: (ends, _event, subject) => {
    ends.end(subject, SIGN_INS);
  },
  'account.disabled': disabled,
  'account.deleted': (ends, event, subject) => {
    disabled(ends, event, subject);
    ends.deleted.add(subject);
  },
  'account.enabled': (ends, event, subject) => {
    ends.end(subject, ALL_LINKS);
    if (ends.isLatest('disabled', event, subject)) ends.disabled.delete(subject);
  },
  'account.role_changed': (ends, event, subject) => {
    // A later promotion has not brought it back.
    if (event.details.role === 'user') ends.end(subject, OF_ADMINS);
    if (!ends.isLatest('role', event, subject)) return;
    if (event.details.role === 'user') ends.demoted.set(subject, event.at);
    else ends.demoted.delete(subject);
  },
  'session.ended': (ends, event) => {
    ends.session(event);
  },
  'token.revoked': tokenEnded,
  'token.deleted': tokenEnded,
  'token.expiry_changed': (ends, event, subject) => {
    const { at, details } = event;
    const expiry = typeof details.expires_at === 'string' ? Date.parse(details.expires_at) : NaN;
    if (!isUuid(subject) || Number.isNaN(expiry)) return;
    if (expiry <= Date.parse(at) + 1_000) tokenEnded(ends, event, subject);
    else if (ends.isLatest('expiry', event, subject)) ends.expiries.set(subject, new Date(expiry).toISOString());
  },
  'token.changed': (ends, event, subject) => {
    ends.leave(
      `token ${subject}`,
      event,
      `${subject}: an import had changed this token at ${event.at}: import it again.`,
    );
  },
  'token.all_revoked': (ends, { details }, subject) => {
    const serviceMode = typeof details.service_mode === 'string' ? details.service_mode : null;
    ends.gateways.set(`${serviceMode} ${subject}`, { subject, serviceMode });
  },
  'oauth_client.changed': (ends, event, subject) => {
    if (!['scopes', 'owner'].some((name) => name in event.details)) return;
    const text = `${subject}: scopes or owner of this client were changed at ${event.at}, and are again what they were before.`;
    ends.leave(`client ${subject}`, event, text);
  },
  'oauth_client.revoked': (ends, _event, subject) => {
    ends.clients.add(subject);
  },
  'oauth_client.deleted': (ends, _event, subject) => {
    ends.deletedClients.add(subject);
  },
  'oauth_client.secret_deleted': (ends, { details }, subject) => {
    if (isUuid(details.secret)) ends.secrets.set(details.secret, subject);
  },
  'signing_key.revoked': (ends, _event, subject) => {
    ends.signingKeys.add(subject);
  },
};
