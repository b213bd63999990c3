import { createHash } from 'node:crypto';
import { foldEmail } from '../emails/email-address.js';
import { refused, type Entry, type Outcome } from './outcomes.js';

/**
 * What a dry run would have made, as its batches are rolled back: so that what comes later in the file is told as it would be.
 * Of a million accounts, it keeps a number for each of their ids and emails.
 */
export class DryRun {
  private readonly made = new NumberSet();

  /** @returns which entries are still to be tried, and what comes of the others */
  sift(entries: Entry[]): { fresh: Entry[]; repeated: Outcome[] } {
    const fresh: Entry[] = [];
    const repeated: Outcome[] = [];
    for (const entry of entries) {
      const { own, emails } = keysOf(entry);
      if (own.some((key) => this.made.has(key))) repeated.push({ line: entry.line, as: 'changed', id: '' });
      else if (emails.some((key) => this.made.has(key))) repeated.push(refused(entry.line, { email: 'is taken' }));
      else fresh.push(entry);
    }
    return { fresh, repeated };
  }

  note(entries: Entry[], outcomes: Outcome[]): void {
    const made = new Set(outcomes.filter(({ as }) => as === 'made').map(({ line }) => line));
    for (const entry of entries) {
      if (!made.has(entry.line)) continue;
      const { own, emails } = keysOf(entry);
      for (const key of [...own, ...emails]) this.made.add(key);
    }
  }
}

function keysOf({ record }: Entry): { own: string[]; emails: string[] } {
  const id = (type: string, value: string | undefined) => (value === undefined ? [] : [`${type} ${value}`]);
  const own = [...id('account', record.id), ...id('account', record.legacyId)];
  const email = record.email === undefined ? [] : [`email ${foldEmail(record.email)}`];
  return own.length > 0 ? { own, emails: email } : { own: [...email, ...id('name', record.name)], emails: [] };
}

/** A set of texts as numbers of 53 bits, in eight to sixteen bytes each. */
class NumberSet {
  private slots = new Float64Array(1_024);
  private size = 0;

  has(text: string): boolean {
    return this.slots[this.slotOf(numberOf(text))] !== 0;
  }

  add(text: string): void {
    this.put(numberOf(text));
    if (2 * this.size < this.slots.length) return;
    const before = this.slots;
    this.slots = new Float64Array(2 * before.length);
    this.size = 0;
    for (const number of before) if (number !== 0) this.put(number);
  }

  private put(number: number): void {
    const slot = this.slotOf(number);
    if (this.slots[slot] === 0) this.size += 1;
    this.slots[slot] = number;
  }

  /** Where a number is, or would be. */
  private slotOf(number: number): number {
    const last = this.slots.length - 1;
    let slot = number % this.slots.length;
    while (this.slots[slot] !== 0 && this.slots[slot] !== number) slot = slot === last ? 0 : slot + 1;
    return slot;
  }
}

const numberOf = (text: string) => 1 + (createHash('sha256').update(text).digest().readUIntBE(0, 6) % (2 ** 48 - 1));
