import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { AuditLog } from '../audit-log/audit-log.service.js';
import { isConflict } from '../errors/database-errors.js';
import { AccountRevocation, EVERYTHING } from '../revocations/account-revocation.store.js';
import { Revocations } from '../revocations/revocations.service.js';
import { Tokens } from '../tokens/tokens.service.js';
import { EverythingStore } from './everything.store.js';

/** What has been revoked. */
export interface RevokedCounts {
  /** Of which all that was open has ended. */
  accounts: number;
  apiTokens: number;
  /** For which no account answers. */
  ownerlessClients: number;
}

/** How many accounts, or API tokens, a transaction revokes. */
const BATCH = 250;
/** How often a batch is tried that others were in the way of. */
const ATTEMPTS = 5;
/** How long it is waited for what was under way, in milliseconds. */
const SETTLE_LIMIT = 60_000;

/** Tries again what others were in the way of. */
export async function withPatience<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt === ATTEMPTS || !isConflict(error)) throw error;
    }
  }
}

/**
 * Ends whatever anybody has open: sessions, resets, and tokens of every kind; passwords and clients' secrets stay. In small
 * transactions, each with what it announces, so that it can be broken off and begun anew at any moment, while servers run.
 */
@Injectable()
export class EverythingRevocation {
  private readonly logger = new Logger('EverythingRevocation');

  constructor(
    private readonly store: EverythingStore,
    private readonly revocations: Revocations,
    private readonly accountRevocation: AccountRevocation,
    private readonly tokens: Tokens,
    private readonly audit: AuditLog,
  ) {}

  async run(signal: AbortSignal, progress: (counts: RevokedCounts) => void): Promise<RevokedCounts> {
    const counts: RevokedCounts = { accounts: 0, apiTokens: 0, ownerlessClients: 0 };
    await this.audit.recordAlone({ kind: 'revocation.started', details: { of: 'everything' } });
    await this.ofAccounts(signal, counts, progress);
    await this.ofOwnerlessClients(signal, counts);
    // What a token was used for while it was revoked may have been an API token.
    await this.settle(signal);
    await this.ofApiTokens(signal, counts, progress);
    await this.audit.recordAlone({ kind: 'revocation.finished', details: { of: 'everything', ...counts } });
    return counts;
  }

  /** Ends again, after a restore, what an earlier run has ended: of all that {@link run} ends, what was made by then. */
  async again(until: Date, signal: AbortSignal, progress: (counts: RevokedCounts) => void): Promise<RevokedCounts> {
    const counts: RevokedCounts = { accounts: 0, apiTokens: 0, ownerlessClients: 0 };
    await this.ofAccounts(signal, counts, progress, until);
    await this.ofOwnerlessClients(signal, counts, until);
    await this.ofApiTokens(signal, counts, progress, until);
    return counts;
  }

  private async ofAccounts(
    signal: AbortSignal,
    counts: RevokedCounts,
    progress: (now: RevokedCounts) => void,
    until?: Date,
  ) {
    for (let last: string | null = null; ;) {
      signal.throwIfAborted();
      const ids = await this.store.accountsAfter(last, BATCH, until);
      last = ids.at(-1) ?? null;
      if (last === null) return;
      await withPatience(() =>
        this.revocations.transaction((tx) =>
          until
            ? this.accountRevocation.revokeMadeUntil(tx, ids, EVERYTHING, until)
            : this.accountRevocation.revokeAll(tx, ids, EVERYTHING),
        ),
      );
      counts.accounts += ids.length;
      progress(counts);
    }
  }

  private async ofOwnerlessClients(signal: AbortSignal, counts: RevokedCounts, until?: Date) {
    for (const id of await this.store.ownerlessClients()) {
      signal.throwIfAborted();
      const had = await withPatience(() =>
        this.revocations.during(`client ${id}`, async (tx) => {
          if (until) return (await this.store.endClientTokens(tx, id, until)) > 0;
          await this.tokens.revokeClientTokens(tx, id);
          return true;
        }),
      );
      counts.ownerlessClients += had ? 1 : 0;
    }
  }

  private async ofApiTokens(
    signal: AbortSignal,
    counts: RevokedCounts,
    progress: (now: RevokedCounts) => void,
    until?: Date,
  ) {
    const before = until ?? (await this.store.now());
    for (let found = BATCH; found > 0;) {
      signal.throwIfAborted();
      const whose = await withPatience(() =>
        this.revocations.transaction(async (tx) => {
          const revoked = await this.store.revokeApiTokens(tx, before, BATCH);
          await this.revocations.announceAll(
            tx,
            [...new Set(revoked)].map((account) => `gateway ${account}` as const),
          );
          return revoked;
        }),
      );
      found = whose.length;
      counts.apiTokens += found;
      progress(counts);
    }
  }

  private async settle(signal: AbortSignal): Promise<void> {
    const moment = await this.store.moment();
    const deadline = performance.now() + SETTLE_LIMIT;
    while (!(await this.store.hasSettled(moment))) {
      if (performance.now() > deadline) {
        this.logger.warn('something has been writing to the database for a minute: when it is done, run this again');
        return;
      }
      await sleep(100, undefined, { signal });
    }
  }
}
