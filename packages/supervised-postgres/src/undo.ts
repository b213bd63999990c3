/** Steps to clean up at the end, in reverse order. */
export class Undo {
  private readonly steps: (() => Promise<void>)[] = [];

  /** Adds a step. */
  later(step: () => Promise<void>): void {
    this.steps.push(step);
  }

  /** Runs every step, even when one fails; throws the first failure at the end. */
  async run(): Promise<void> {
    const failures: unknown[] = [];
    for (let step = this.steps.pop(); step !== undefined; step = this.steps.pop()) {
      await step().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }
}
