const WIDTH = 30;
/** How often it is drawn, and how often a line is written where there is no terminal. In milliseconds. */
const EVERY = { terminal: 100, file: 10_000 };

/** Says on standard error how far something is. */
export class ProgressBar {
  private readonly isTerminal = process.stderr.isTTY;
  private shownAt = performance.now();
  private isDrawn = false;

  /** @param total undefined: nobody knows */
  constructor(private readonly total: number | undefined) {}

  show(done: number, words: string): void {
    const now = performance.now();
    if (now - this.shownAt < (this.isTerminal ? EVERY.terminal : EVERY.file)) return;
    this.shownAt = now;
    const share = this.total === undefined ? undefined : Math.min(1, done / Math.max(1, this.total));
    const percent = share === undefined ? '' : `${Math.floor(100 * share)} % `;
    if (!this.isTerminal) {
      process.stderr.write(`${percent}${words}\n`);
      return;
    }
    const full = Math.round(WIDTH * (share ?? 0));
    const bar = share === undefined ? '' : `[${'#'.repeat(full)}${'.'.repeat(WIDTH - full)}] `;
    process.stderr.write(`\r\x1b[K${bar}${percent}${words}`);
    this.isDrawn = true;
  }

  /** Removes it. */
  end(): void {
    if (this.isDrawn) process.stderr.write('\r\x1b[K');
  }
}
