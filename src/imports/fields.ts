import type { Reading } from '../http/validation.js';

/** What is wrong with a record, by field; `record`: with all of it. */
export type Problems = Record<string, string>;

/** A value, or what is wrong with it. */
export type Read<T> = { value: T } | { problem: string };

const problem = (text: string) => ({ problem: text });

/** What a text is read as. */
export const text =
  (most: number) =>
  (value: unknown): Read<string> => {
    // JSON.parse has rounded larger ones already.
    if (Number.isSafeInteger(value)) return { value: String(value) };
    if (typeof value !== 'string') return problem('must be a string');
    if (value.includes('\0') || !value.isWellFormed()) return problem('has characters that cannot be stored');
    return Array.from(value).length > most ? problem(`must be at most ${most} characters`) : { value };
  };

/** PostgreSQL writes t and f. */
export function flag(value: unknown): Read<boolean> {
  if (value === true || value === 'true' || value === 't') return { value: true };
  if (value === false || value === 'false' || value === 'f') return { value: false };
  return problem('must be true or false');
}

/** A time of RFC 3339, or as PostgreSQL writes it; one without a zone is of UTC. */
export function time(value: unknown): Read<string> {
  const bad = problem('must be a date and time such as 2026-11-22T12:00:00Z');
  if (typeof value !== 'string') return bad;
  const [, day = '', clock = '', fraction = '', zone = 'Z'] =
    /^([12]\d{3}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-](?:0\d|1[0-5])(?::?\d\d)?)?$/i.exec(value) ?? [];
  const written = `${day}T${clock}${fraction}${/^[+-]\d\d$/.test(zone) ? `${zone}:00` : zone}`;
  // JavaScript reads February 30 as March 2.
  const isDay = day !== '' && !Number.isNaN(Date.parse(`${day}T00:00:00Z`)) && dayOf(day) === day;
  return isDay && !Number.isNaN(Date.parse(written)) ? { value: written } : bad;
}

const dayOf = (day: string) => new Date(`${day}T00:00:00Z`).toISOString().slice(0, 10);

export const choice =
  <Value extends string>(values: readonly Value[]) =>
  (value: unknown): Read<Value> => {
    const found = values.find((one) => one === value);
    return found === undefined ? problem(`must be ${values.join(' or ')}`) : { value: found };
  };

/** A list, or a text in which spaces, commas, semicolons or line breaks stand between the entries. */
export const list =
  (read: (entry: string) => Reading, most: number) =>
  (value: unknown): Read<string[]> => {
    const entries: unknown = typeof value === 'string' ? value.split(/[\s,;]+/).filter((entry) => entry !== '') : value;
    if (!Array.isArray(entries)) return problem('must be a list');
    if (entries.length > most) return problem(`must have at most ${most} entries`);
    const values = new Set<string>();
    for (const [index, entry] of entries.entries()) {
      const reading = typeof entry === 'string' ? read(entry) : problem('must be a string');
      if ('problem' in reading) return problem(`entry ${index + 1} ${reading.problem}`);
      values.add(reading.value);
    }
    return { value: [...values] };
  };

/** Takes the fields of a record one after the other, and notes what is wrong with them. */
export class Fields {
  /** Without the names that every object has. */
  readonly problems: Problems = Object.create(null) as Problems;
  private readonly left: Map<string, unknown>;

  /** Null counts as absent, and so does the empty text of a CSV. */
  constructor(
    values: Record<string, unknown>,
    private readonly isCsv: boolean,
  ) {
    this.left = new Map(
      Object.entries(values).filter(([, value]) => value !== null && value !== undefined && !(isCsv && value === '')),
    );
  }

  has(name: string): boolean {
    return this.left.has(name);
  }

  take<T>(name: string, read: (value: unknown) => Read<T>): T | undefined {
    const value = this.left.get(name);
    if (!this.left.delete(name)) return undefined;
    const reading = read(value);
    if ('value' in reading) return reading.value;
    this.problems[name] = reading.problem;
    return undefined;
  }

  refuse(name: string, what: string): void {
    this.problems[name] ??= what;
  }

  /** Whether nothing is wrong; whatever was not taken is not known. */
  areGood(): boolean {
    // The first line of a CSV may be none of names: what it says stays in the file.
    if (this.isCsv && this.left.size > 0)
      this.refuse('record', 'has a column that is unknown or does not apply to its type');
    else for (const name of this.left.keys()) this.problems[name.slice(0, 100)] ??= 'is not a known field';
    return Object.keys(this.problems).length === 0;
  }
}
