import { createHash } from 'node:crypto';
import { foldEmail } from '../emails/email-address.js';
import type { Problems } from './fields.js';
import { refused, TAKEN, type Entry, type Outcome } from './outcomes.js';

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
      const { own, others } = keysOf(entry);
      const taken = others.filter(({ key }) => this.made.has(key)).map(({ field }) => [field, TAKEN]);
      if (own.some((key) => this.made.has(key))) repeated.push({ line: entry.line, as: 'changed', id: '' });
      else if (taken.length > 0) repeated.push(refused(entry.line, Object.fromEntries(taken) as Problems));
      else fresh.push(entry);
    }
    return { fresh, repeated };
  }

  note(entries: Entry[], outcomes: Outcome[]): void {
    const made = new Set(outcomes.filter(({ as }) => as === 'made').map(({ line }) => line));
    for (const entry of entries) {
      if (!made.has(entry.line)) continue;
      const { own, others } = keysOf(entry);
      for (const key of [...own, ...others.map(({ key }) => key)]) this.made.add(key);
    }
  }

  /** Whether an account would have been made with this id, legacy id or email. */
  readonly hasAccount = (reference: string): boolean =>
    this.made.has(reference.includes('@') ? `email ${foldEmail(reference)}` : `account ${reference}`);
}

/** By what a record is known again, and what only one can have. */
interface Keys {
  own: string[];
  others: { field: string; key: string }[];
}

function keysOf({ record }: Entry): Keys {
  const id = (type: string, value: string | undefined) => (value === undefined ? [] : [`${type} ${value}`]);
  if (record.type === 'client') return { own: id('client', record.id), others: [] };
  if (record.type === 'token') {
    const others = id('token', record.id).map((key) => ({ field: 'id', key }));
    return { own: id('secret', record.hash ?? record.digest), others };
  }
  const own = [...id('account', record.id), ...id('account', record.legacyId)];
  const email = id('email', record.email === undefined ? undefined : foldEmail(record.email));
  if (own.length === 0) return { own: [...email, ...id('name', record.name)], others: [] };
  return { own, others: email.map((key) => ({ field: 'email', key })) };
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
