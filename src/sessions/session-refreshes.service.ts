import { Injectable, Logger } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditLog } from '../audit-log/audit-log.service.js';
import type { LabelledCounter } from '../metrics/labelled-counter.js';
import { Metrics } from '../metrics/metrics.service.js';
import { Revocations } from '../revocations/revocations.service.js';
import type { OpenSession } from './open-session.js';
import { SessionRefreshStore, type LateShowing, type Refusal, type Showing } from './session-refreshes.store.js';

/**
 * What became of a refresh token that was shown. `replayed`: it gave the same successor again; `skipped`: it was late, and its successor
 * was skipped; `reused`: it has ended its session.
 */
const OUTCOMES = ['rotated', 'replayed', 'skipped', 'reused', 'refused'] as const;
type Outcome = (typeof OUTCOMES)[number];

/**
 * Which refresh tokens of a session are good (docs/decisions/refresh-tokens.md). Every change of state is one conditional
 * statement, so servers need not know of each other.
 */
@Injectable()
export class SessionRefreshes {
  private readonly logger = new Logger('Sessions');
  private readonly outcomes: LabelledCounter<'outcome'>;

  constructor(
    private readonly store: SessionRefreshStore,
    private readonly revocations: Revocations,
    private readonly audit: AuditLog,
    metrics: Metrics,
  ) {
    this.outcomes = metrics.counter(
      'latchkey_session_refreshes_total',
      'Total number of refresh tokens that were shown, by outcome.',
      ['outcome'],
      OUTCOMES,
    );
  }

  /**
   * Takes a refresh token. Its session moves on, gives the same successor as before, stays as it is, or ends.
   *
   * @returns the session with its current counter; undefined: the token is refused
   */
  async show(showing: Showing): Promise<OpenSession | undefined> {
    const rotated = await this.store.moveOn(showing);
    if (rotated) return this.counted('rotated', rotated);
    for (;;) {
      const found = await this.store.findByParent(showing);
      if (!found) break;
      if (found.isReplay) return this.counted('replayed', found);
      const late = await this.showLate(showing);
      if (late) return late.isEnded ? this.counted('reused') : this.counted('skipped', late);
      // Another showing of the parent came first. There are only so many before the session ends.
    }
    if (await this.endReused(showing)) return this.counted('reused');
    await this.noteRefusal(await this.store.whyRefused(showing));
    return undefined;
  }

  private counted(outcome: Outcome, session?: OpenSession): OpenSession | undefined {
    this.outcomes.inc({ outcome });
    return session;
  }

  /** Records and counts that a refresh token was refused. That it has ended its session is recorded with that. */
  async noteRefusal({ accountId, ...details }: Refusal): Promise<void> {
    this.counted('refused');
    const subject = accountId === undefined ? {} : { subject: accountId };
    await this.audit.recordAlone({ kind: 'session.refresh_refused', outcome: 'refused', ...subject, details });
  }

  /**
   * Moves a session past a successor of its parent that was never shown, as its answer was lost; or ends it, when that has
   * happened too often.
   *
   * @returns undefined when another showing has come first
   */
  private async showLate(showing: Showing): Promise<LateShowing | undefined> {
    const { id } = showing;
    const late = await this.revocations.during<LateShowing | undefined>(
      (shown) => (shown?.isEnded ? `session ${id}` : undefined),
      async (tx) => {
        const shown = await this.store.skip(tx, showing);
        if (!shown) return undefined;
        const { accountId, earlierAddress, lateShowings } = shown;
        const details = { session: id, earlier_address: earlierAddress, late_showings: lateShowings };
        if (shown.isEnded) await this.noteEnd(tx, accountId, details);
        else await this.audit.record(tx, { kind: 'session.refreshed_late', subject: accountId, details });
        return shown;
      },
    );
    if (late?.isEnded) this.reportEnd(id);
    return late;
  }

  /** Ends a session of which a skipped or an older refresh token was shown: one of its two users is a thief.
   *
   * @returns whether it was ended now
   */
  private async endReused(showing: Showing): Promise<boolean> {
    const { id } = showing;
    // Looked at first: whoever shows an old one again and again is not to use up the connections that revoke.
    if (!(await this.store.isReused(showing))) return false;
    const isEnded = await this.revocations.during<boolean>(
      (isEnded) => (isEnded ? `session ${id}` : undefined),
      async (tx) => {
        const accountId = await this.store.endReused(tx, showing);
        if (accountId !== undefined) await this.noteEnd(tx, accountId, { session: id });
        return accountId !== undefined;
      },
    );
    if (isEnded) this.reportEnd(id);
    return isEnded;
  }

  private async noteEnd(tx: EntityManager, accountId: string, details: { session: string }): Promise<void> {
    await this.audit.record(tx, { kind: 'session.reused', subject: accountId, outcome: 'refused', details });
  }

  private reportEnd(id: string): void {
    this.logger.warn(`session ${id} was ended: one of its refresh tokens was used again`);
  }
}
