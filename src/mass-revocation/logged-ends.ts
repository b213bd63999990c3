import { isUuid } from '../http/validation.js';
import { CREDENTIALS, EVERYTHING, SIGN_INS, type Extent } from '../revocations/account-revocation.store.js';

/** An event of the audit log, as `GET /api/v1/audit_events/` shows it. */
export interface LoggedEvent {
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
  events = 0;
  private readonly latest = new Map<string, string>();

  /** @param event in whatever order */
  add(event: LoggedEvent): void {
    this.events += 1;
    if (event.kind === 'session.reused') this.session(event);
    if (event.outcome !== 'success') return;
    const act = ACTS[event.kind];
    if (act && event.subject !== null) act(this, event, event.subject);
  }

  session({ details }: LoggedEvent): void {
    if (isUuid(details.session)) this.sessions.add(details.session);
  }

  end(account: string, extent: Extent): void {
    if (isUuid(account)) this.accounts.set(account, [...(this.accounts.get(account) ?? []), extent]);
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

const credentials: Act = (ends, _event, subject) => {
  ends.end(subject, CREDENTIALS);
};
const everything: Act = (ends, _event, subject) => {
  ends.end(subject, EVERYTHING);
};

const disabled: Act = (ends, event, subject) => {
  ends.end(subject, EVERYTHING);
  if (ends.isLatest('disabled', event, subject)) ends.disabled.set(subject, event.at);
};

/** What events say was ended. */
const ACTS: Record<string, Act | undefined> = {
  'account.revoked': everything,
  'account.displaced': everything,
  'account.email_change_undone': everything,
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
    if (ends.isLatest('disabled', event, subject)) ends.disabled.delete(subject);
  },
  'account.role_changed': (ends, event, subject) => {
    if (!ends.isLatest('role', event, subject)) return;
    if (event.details.role === 'user') ends.demoted.set(subject, event.at);
    else ends.demoted.delete(subject);
  },
  'session.ended': (ends, event) => {
    ends.session(event);
  },
  'token.revoked': (ends, { details }, subject) => {
    if (isUuid(subject)) ends.tokens.set(subject, Number(details.ended ?? 0) > 0);
  },
  'token.deleted': (ends, { details }, subject) => {
    if (isUuid(subject)) ends.tokens.set(subject, Number(details.ended ?? 0) > 0);
  },
  'token.expiry_changed': (ends, { at, details }, subject) => {
    const isEnd = typeof details.expires_at === 'string' && Date.parse(details.expires_at) <= Date.parse(at) + 1_000;
    if (isUuid(subject) && isEnd) ends.tokens.set(subject, Number(details.ended ?? 0) > 0);
  },
  'token.all_revoked': (ends, { details }, subject) => {
    const serviceMode = typeof details.service_mode === 'string' ? details.service_mode : null;
    ends.gateways.set(`${serviceMode} ${subject}`, { subject, serviceMode });
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
