import type { Registry } from 'prom-client';
import { register } from './own-metric.js';

/** A counter for each combination of labels, as {@link register} shows it. Their values have no line breaks. */
export class LabelledCounter<Label extends string> {
  private readonly counts = new Map<string, { labels: Record<Label, string>; value: number }>();

  constructor(
    registry: Registry,
    name: string,
    help: string,
    private readonly labelNames: readonly Label[],
  ) {
    register(registry, { name, help, type: 'counter', values: () => [...this.counts.values()] });
  }

  /** @param times 0: it is only shown from now on, so that a rate counts the first event too */
  inc(labels: Record<Label, string>, times = 1): void {
    this.of(labels).value += times;
  }

  /** @returns the count of these labels, which is shown from now on: for whoever counts so often that it keeps it */
  of(labels: Record<Label, string>): { value: number } {
    let key = '';
    for (const name of this.labelNames) key += `${labels[name]}\n`;
    const known = this.counts.get(key);
    if (known) return known;
    const made = { labels: { ...labels }, value: 0 };
    this.counts.set(key, made);
    return made;
  }
}
