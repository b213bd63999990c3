import type { AuditActor, NewAuditEvent } from './audit-events.store.js';

/** How many folds there are at once: who comes after these is counted with all others of the same route. */
const MOST = 1_000;
/** How many of its addresses a fold counts apart. */
const MOST_ADDRESSES = 20;

/** Something that was read, and by whom. */
export interface Read {
  kind: NewAuditEvent['kind'];
  /** Method and path. */
  route: string;
  reader: AuditActor;
  address: string;
}

interface Fold {
  read: Read;
  /** Of many readers. */
  isOverflow: boolean;
  count: number;
  byAddress: Map<string, number>;
}

/**
 * What clients and applications read in one minute: each of them, at each route. Each fold becomes one event, which has the
 * count.
 */
export class ReadFolds {
  private folds = new Map<string, Fold>();

  add(read: Read, times = 1): void {
    const { clientId, appTokenId, actorId, onBehalfOf } = read.reader;
    const own = [read.kind, read.route, clientId, appTokenId, actorId, onBehalfOf].join(' ');
    const isOverflow = !this.folds.has(own) && this.folds.size >= MOST;
    const key = isOverflow ? [read.kind, read.route].join(' ') : own;
    const fold = this.folds.get(key) ?? { read, isOverflow, count: 0, byAddress: new Map<string, number>() };
    this.folds.set(key, fold);
    count(fold, read.address, times);
  }

  private addTo(fold: Fold | undefined, read: Read, times: number): void {
    if (fold) count(fold, read.address, times);
    else this.add(read, times);
  }

  /** Begins the next minute. @returns what was counted in the last one, as events; the folds give it back if need be */
  take(): { events: NewAuditEvent[]; giveBack: () => void } {
    const taken = this.folds;
    this.folds = new Map();
    return {
      events: [...taken.values()].map(eventOf),
      giveBack: () => {
        for (const [key, fold] of taken) {
          const since = this.folds.get(key);
          if (!since && (fold.isOverflow || this.folds.size < MOST)) this.folds.set(key, fold);
          else for (const [address, times] of fold.byAddress) this.addTo(since, { ...fold.read, address }, times);
        }
      },
    };
  }
}

function count(fold: Fold, address: string, times: number): void {
  fold.count += times;
  const key = fold.byAddress.has(address) || fold.byAddress.size < MOST_ADDRESSES ? address : 'others';
  fold.byAddress.set(key, (fold.byAddress.get(key) ?? 0) + times);
}

function eventOf({ read: { kind, route, reader }, isOverflow, count, byAddress }: Fold): NewAuditEvent {
  const [only = ''] = byAddress.keys();
  const areMany = byAddress.size > 1;
  return {
    kind,
    ...(!isOverflow && reader),
    ...(!areMany && { address: only }),
    details: { folded: count, route, ...(areMany && { addresses: Object.fromEntries(byAddress) }) },
  };
}
