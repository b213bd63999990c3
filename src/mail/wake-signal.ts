/** Wakes one sleeper. A notification while nobody sleeps ends the next sleep at once. */
export class WakeSignal {
  private notified = false;
  private wake: (() => void) | undefined;

  notify(): void {
    this.notified = true;
    this.wake?.();
  }

  /** Resolves when notified or after the given time; does not keep the process alive. */
  async sleep(milliseconds: number): Promise<void> {
    if (!this.notified) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, milliseconds).unref();
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.notified = false;
    this.wake = undefined;
  }
}
