import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { OPERATOR } from '../access/principal.js';
import { AccountAdmin } from '../account-admin/account-admin.service.js';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { ApiError } from '../errors/api-error.js';
import { KeyRotation } from '../keys/key-rotation.service.js';
import { OauthClients } from '../oauth/oauth-clients.service.js';
import { AccountRevocation } from '../revocations/account-revocation.store.js';
import type { RevocationTag } from '../revocations/revocation-tags.js';
import { Revocations } from '../revocations/revocations.service.js';
import { Tokens } from '../tokens/tokens.service.js';
import type { ServiceMode } from '../tokens/gateway-tokens.js';
import { EverythingRevocation, withPatience } from './everything.service.js';
import { EverythingStore } from './everything.store.js';
import { LoggedEnds } from './logged-ends.js';

/** What has come of ending what a log says was ended. */
export interface LoggedCounts {
  events: number;
  accounts: number;
  disabled: number;
  demoted: number;
  sessions: number;
  tokens: number;
  gateways: number;
  clients: number;
  secrets: number;
  signingKeys: number;
  /** Accounts that had been deleted, and are there again: disabled. */
  deleted: string[];
  /** What could not be done, each in a sentence. */
  left: string[];
}

/** How many events are looked for at once. */
const MANY = 1_000;

/** After a restore: ends what the database does not know any more was ended. What it never knew is left out. */
@Injectable()
export class LoggedEndsRevocation {
  constructor(
    private readonly store: EverythingStore,
    private readonly everything: EverythingRevocation,
    private readonly accounts: AccountAdmin,
    private readonly clients: OauthClients,
    private readonly tokens: Tokens,
    private readonly keys: KeyRotation,
    private readonly revocations: Revocations,
    private readonly accountRevocation: AccountRevocation,
    private readonly audit: AuditLog,
  ) {}

  async run(ends: LoggedEnds, signal: AbortSignal, progress: (counts: LoggedCounts) => void): Promise<LoggedCounts> {
    const counts: LoggedCounts = {
      ...{ events: ends.events, accounts: 0, disabled: 0, demoted: 0, sessions: 0, tokens: 0, gateways: 0 },
      ...{ clients: 0, secrets: 0, signingKeys: 0, deleted: [], left: [] },
    };
    await this.audit.recordAlone({ kind: 'revocation.started', details: { of: 'events', events: ends.events } });
    const run: Run = {
      ends,
      counts,
      step: () => {
        signal.throwIfAborted();
        progress(counts);
      },
    };
    await this.ofAccounts(run);
    await this.ofSessionsAndTokens(run);
    await this.ofClients(run);
    await this.ofEarlierRuns(run, signal);
    counts.left.push(...(await this.undone(ends)));
    for (const kid of ends.signingKeys) {
      run.step();
      if ((await this.keys.replaceCompromised(kid)).ended.length > 0) counts.signingKeys += 1;
    }
    const { deleted, left, ...numbers } = counts;
    const details = { of: 'events', ...numbers, deleted: deleted.length, left: left.length };
    await this.audit.recordAlone({ kind: 'revocation.finished', details });
    return counts;
  }

  private async ofAccounts({ ends, counts, step }: Run): Promise<void> {
    for (const [id, extents] of ends.accounts) {
      step();
      if (!(await this.store.hasAccount(id))) continue;
      await withPatience(() =>
        this.revocations.transaction(async (tx) => {
          for (const extent of new Set(extents)) await this.accountRevocation.revokeAll(tx, [id], extent);
        }),
      );
      counts.accounts += 1;
    }
    for (const id of ends.disabled.keys()) {
      step();
      if (!(await this.attempt(counts, id, () => this.accounts.update(OPERATOR, id, { disabled: true })))) continue;
      counts.disabled += 1;
      if (ends.deleted.has(id)) counts.deleted.push(id);
    }
    for (const id of ends.demoted.keys()) {
      step();
      if (await this.attempt(counts, id, () => this.accounts.update(OPERATOR, id, { role: 'user' })))
        counts.demoted += 1;
    }
  }

  private async ofSessionsAndTokens({ ends, counts, step }: Run): Promise<void> {
    for (const id of ends.sessions) {
      step();
      if (await this.ending(`session ${id}`, (tx) => this.store.endSession(tx, id))) counts.sessions += 1;
    }
    for (const [id, cascade] of ends.tokens) {
      step();
      if (await this.ending(`token ${id}`, (tx) => this.store.endToken(tx, id, cascade))) counts.tokens += 1;
    }
    for (const [id, expiry] of ends.expiries) {
      step();
      if (await this.ending(`token ${id}`, (tx) => this.store.shorten(tx, id, new Date(expiry)))) counts.tokens += 1;
    }
    for (const { subject, serviceMode } of ends.gateways.values()) {
      step();
      const holder =
        serviceMode === null
          ? { gatewayAccountId: subject }
          : { serviceExternalId: subject, serviceMode: serviceMode as ServiceMode };
      await this.tokens.revokeAllGateway(holder, (_tx, count) => {
        counts.gateways += count > 0 ? 1 : 0;
        return Promise.resolve();
      });
    }
  }

  private async ofClients({ ends, counts, step }: Run): Promise<void> {
    for (const id of ends.deletedClients) {
      step();
      if (await this.attempt(counts, id, () => this.clients.remove(OPERATOR, id))) counts.clients += 1;
    }
    for (const id of ends.clients) {
      step();
      if (await this.attempt(counts, id, () => this.clients.revokeTokens(OPERATOR, id))) counts.clients += 1;
    }
    for (const [secret, id] of ends.secrets) {
      step();
      if (await this.attempt(counts, id, () => this.clients.removeSecret(OPERATOR, id, secret))) counts.secrets += 1;
    }
  }

  private async ofEarlierRuns({ ends, counts, step }: Run, signal: AbortSignal): Promise<void> {
    const until = ends.everythingUntil;
    if (!until) return;
    const ended = await this.everything.again(until, signal, step);
    counts.accounts += ended.accounts;
    counts.tokens += ended.apiTokens;
    counts.clients += ended.ownerlessClients;
    if (ends.unfinished === undefined) return;
    counts.left.push(
      `revoke-everything, begun at ${ends.unfinished}, is not known to have finished: what was made after that has not ended again.`,
    );
  }

  /** @returns what cannot be done of what happened after the backup */
  private async undone({ undone }: LoggedEnds): Promise<string[]> {
    const all = [...undone.values()];
    const left: string[] = [];
    for (let start = 0; start < all.length; start += MANY) {
      const some = all.slice(start, start + MANY);
      const here = await this.store.eventsHere(some.flatMap(({ event }) => event ?? []));
      left.push(...some.filter(({ event }) => event === undefined || !here.has(event)).map(({ text }) => text));
    }
    return left;
  }

  /** @returns whether there was something to end */
  private ending(tag: RevocationTag, end: (tx: EntityManager) => Promise<boolean>): Promise<boolean> {
    return withPatience(() => this.revocations.during((hasEnded) => (hasEnded ? tag : undefined), end));
  }

  /** @returns whether it was done; what was never restored need not be */
  private async attempt(counts: LoggedCounts, id: string, act: () => Promise<unknown>): Promise<boolean> {
    try {
      await withPatience(act);
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.code !== 'not_found') counts.left.push(`${id}: ${error.message}`);
      return false;
    }
  }
}

interface Run {
  ends: LoggedEnds;
  counts: LoggedCounts;
  /** Called before each. */
  step: () => void;
}
