import { timeLeft } from './deadline.js';

/** For how long a gate that has just closed may open again before anybody is turned away, in milliseconds. */
const PATIENCE = 1_000;

/** It is not certain where a connection leads. It says of the database that it cannot be asked now (cannot_connect_now). */
export class GateClosedError extends Error {
  readonly code = '57P03';
}

/**
 * What statements of one pool go through. It is closed while it is not certain that the pool leads to the database that
 * this process listens to.
 */
export class Gate {
  private closedAt = 0;
  private why: string | undefined;
  private waiting: (() => void)[] = [];

  /** Why it is closed; undefined: it is open. */
  get reason(): string | undefined {
    return this.why;
  }

  /** @param why for operators */
  close(why: string): void {
    if (this.why === undefined) this.closedAt = performance.now();
    this.why = why;
  }

  open(): void {
    this.why = undefined;
    for (const goOn of this.waiting.splice(0)) goOn();
  }

  /** @throws GateClosedError when it is closed, and does not open soon */
  async pass(): Promise<void> {
    if (this.why === undefined) return;
    const left = Math.min(this.closedAt + PATIENCE - performance.now(), timeLeft());
    if (left > 0) await this.opened(left);
    // It may be open by now.
    const { reason } = this;
    if (reason !== undefined) throw new GateClosedError(reason);
  }

  /** Settles when it opens, or after so many milliseconds. */
  private opened(limit: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, limit);
      this.waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
