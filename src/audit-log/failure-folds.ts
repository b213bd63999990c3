import { addressForLimits } from '../http/client-address.js';
import type { AuditActor, NewAuditEvent } from './audit-events.store.js';

/** How many folds there are at once: whoever comes from more networks than these is counted with all others. */
const MOST = 1_000;
/** How many of its subjects a fold counts apart. */
const MOST_SUBJECTS = 20;

/** What stands for the subject of what has none. */
const NOBODY = 'none';
/** The network of what no request has caused. */
export const NOWHERE = 'none';

/** What came after the first failure of its kind. */
interface Fold {
  kind: NewAuditEvent['kind'];
  outcome: NewAuditEvent['outcome'];
  /** Null: of many. */
  whose: { network: string; clientAddress: string | undefined; actor: AuditActor } | null;
  count: number;
  bySubject: Map<string, number>;
}

/**
 * Failures of one minute that are not written one by one: those of one kind from one network, by one actor, an application
 * too, if anybody is known, after the first. Each fold becomes one event, which has their count.
 */
export class FailureFolds {
  private folds = new Map<string, Fold>();

  /** Opens a fold for what comes after this failure. @returns whether there was none: this is the first */
  open(failure: NewAuditEvent, network: string): boolean {
    const key = this.keyOf(failure, network);
    if (this.folds.has(key)) return false;
    const { kind, outcome } = failure;
    const whose =
      key === overflow(failure) ? null : { network, clientAddress: clientNetworkOf(failure), actor: actorOf(failure) };
    this.folds.set(key, { kind, outcome, whose, count: 0, bySubject: new Map() });
    return true;
  }

  /** Whether this failure would be the first. */
  isFirst(failure: NewAuditEvent, network: string): boolean {
    return !this.folds.has(this.keyOf(failure, network));
  }

  /** Counts a failure that is not written by itself. */
  add(failure: NewAuditEvent, network: string): void {
    this.open(failure, network);
    const fold = this.folds.get(this.keyOf(failure, network));
    if (fold) count(fold, failure.subject ?? NOBODY, 1);
  }

  /** Takes back {@link open}, as the first failure could not be written; what was counted since stays. */
  close(failure: NewAuditEvent, network: string): void {
    const key = this.keyOf(failure, network);
    if (this.folds.get(key)?.count === 0) this.folds.delete(key);
  }

  /** Begins the next minute. @returns what was counted in the last one, as events; the folds give it back if need be */
  take(): { events: NewAuditEvent[]; giveBack: () => void } {
    const taken = [...this.folds].filter(([, fold]) => fold.count > 0);
    this.folds = new Map();
    return {
      events: taken.map(([, fold]) => eventOf(fold)),
      giveBack: () => {
        for (const [key, fold] of taken) {
          const since = this.folds.get(key);
          if (!since && this.folds.size < MOST) this.folds.set(key, fold);
          else for (const [subject, times] of fold.bySubject) count(since ?? this.overflowOf(fold), subject, times);
        }
      },
    };
  }

  private keyOf(failure: NewAuditEvent, network: string): string {
    const { kind, outcome, actorId, clientId, appTokenId, onBehalfOf } = failure;
    const actor = [actorId, clientId, appTokenId, onBehalfOf];
    const key = [kind, outcome, network, clientNetworkOf(failure) ?? '', ...actor].join(' ');
    return this.folds.has(key) || this.folds.size < MOST ? key : overflow(failure);
  }

  /** @returns the fold of all those for whose own there is no room */
  private overflowOf(failure: Pick<NewAuditEvent, 'kind' | 'outcome'>): Fold {
    const { kind, outcome } = failure;
    const fold = this.folds.get(overflow(failure)) ?? { kind, outcome, whose: null, count: 0, bySubject: new Map() };
    this.folds.set(overflow(failure), fold);
    return fold;
  }
}

/** Of the user of an application, whose address it has passed on. */
function clientNetworkOf({ details }: NewAuditEvent): string | undefined {
  const address = details?.client_address;
  return typeof address === 'string' ? addressForLimits(address) : undefined;
}

const actorOf = ({ actorId, clientId, appTokenId, onBehalfOf }: AuditActor): AuditActor => ({
  ...(actorId !== undefined && { actorId }),
  ...(clientId !== undefined && { clientId }),
  ...(appTokenId !== undefined && { appTokenId }),
  ...(onBehalfOf !== undefined && { onBehalfOf }),
});

const overflow = ({ kind, outcome }: Pick<NewAuditEvent, 'kind' | 'outcome'>) => [kind, outcome].join(' ');

function count(fold: Fold, subject: string, times: number): void {
  fold.count += times;
  const key = fold.bySubject.has(subject) || fold.bySubject.size < MOST_SUBJECTS ? subject : 'others';
  fold.bySubject.set(key, (fold.bySubject.get(key) ?? 0) + times);
}

function eventOf({ kind, outcome, whose, count, bySubject }: Fold): NewAuditEvent {
  const [[only = NOBODY] = []] = bySubject;
  const areMany = bySubject.size > 1;
  return {
    kind,
    ...(outcome && { outcome }),
    ...(whose && whose.network !== NOWHERE && { address: whose.network }),
    ...whose?.actor,
    ...(!areMany && only !== NOBODY && { subject: only }),
    details: {
      folded: count,
      ...(whose?.clientAddress !== undefined && { client_address: whose.clientAddress }),
      ...(areMany && { subjects: Object.fromEntries(bySubject) }),
    },
  };
}
