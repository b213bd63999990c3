import { createHash } from 'node:crypto';
import { CsvScanner } from './csv-scanner.js';

/** A part of a file that is one record: a line of NDJSON; of CSV one line, or several where there is a line break in quotes. */
export interface RawRecord {
  /** Where it begins, counted from one. */
  line: number;
  /** How many bytes it has, with its line break. */
  length: number;
  /** Without its line break. undefined: it is no UTF-8, or longer than {@link LONGEST_RECORD}. */
  text: string | undefined;
}

export type Format = 'ndjson' | 'csv';

/** In bytes. */
export const LONGEST_RECORD = 2 ** 20;

const LINE_FEED = 0x0a;
const NOTHING = Buffer.alloc(0);

/** Finds where records end. */
interface Scanner {
  /**
   * @param bytes begins with a record, of which what stands before `from` has been looked through before
   * @returns where the record ends, behind its line break; undefined: not here
   */
  endOf(bytes: Buffer, from: number): number | undefined;
  /** For a record that is too long, or not ended. @returns where it ends; undefined: at the next line break */
  giveUp(): number | undefined;
}

const lines: Scanner = {
  endOf: (bytes, from) => bytes.indexOf(LINE_FEED, from) + 1 || undefined,
  giveUp: () => undefined,
};

/** Splits a stream into records, and keeps no more of it in memory than the longest of them and what was read last. */
export class RecordSplitter {
  private readonly scanner: Scanner;
  private readonly hash = createHash('sha256');
  /** What was read of a record that has not ended. */
  private rest: Buffer = NOTHING;
  /** How much of it was dropped. */
  private dropped = 0;
  private line = 1;

  /** How many bytes were split so far, up to the end of a record. */
  position = 0;

  constructor(format: Format) {
    this.scanner = format === 'csv' ? new CsvScanner(LONGEST_RECORD) : lines;
  }

  /** @returns the SHA-256 of what was split so far */
  digest(): Buffer {
    return this.hash.copy().digest();
  }

  /** @returns the records that end in a part of the stream */
  *split(chunk: Buffer): Generator<RawRecord> {
    let from = this.rest.length;
    this.rest = from === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    for (;;) {
      const end = this.scanner.endOf(this.rest, from) ?? (this.isTooLong() ? this.scanner.giveUp() : undefined);
      if (end === undefined) break;
      yield this.record(end);
      from = 0;
    }
    if (this.isTooLong()) this.drop();
  }

  /** @returns what stands behind the last line break */
  *end(): Generator<RawRecord> {
    let from = this.rest.length;
    while (this.rest.length > 0) {
      yield this.record(this.scanner.endOf(this.rest, from) ?? this.scanner.giveUp() ?? this.rest.length);
      from = 0;
    }
    if (this.dropped > 0) yield this.record(0);
  }

  private isTooLong(): boolean {
    return this.dropped + this.rest.length > LONGEST_RECORD;
  }

  /** Of a record that is too long only its length matters. */
  private drop(): void {
    this.hash.update(this.rest);
    this.dropped += this.rest.length;
    this.rest = NOTHING;
  }

  private record(end: number): RawRecord {
    const bytes = this.rest.subarray(0, end);
    const length = this.dropped + end;
    const record = { line: this.line, length, text: length > LONGEST_RECORD ? undefined : textOf(bytes) };
    this.hash.update(bytes);
    this.position += length;
    this.line += Math.max(1, countLines(bytes));
    this.rest = this.rest.subarray(end);
    this.dropped = 0;
    return record;
  }
}

function countLines(bytes: Buffer): number {
  let count = 0;
  for (let index = bytes.indexOf(LINE_FEED); index >= 0; index = bytes.indexOf(LINE_FEED, index + 1)) count += 1;
  return count;
}

const decoder = new TextDecoder('utf-8', { fatal: true });

/** @returns undefined for what is no UTF-8 */
function textOf(bytes: Buffer): string | undefined {
  try {
    return decoder.decode(bytes).replace(/\r?\n$/, '');
  } catch {
    return undefined;
  }
}

/** The fields of a record of CSV (RFC 4180). @returns undefined when a quote is where none may be */
export function csvFields(text: string): string[] | undefined {
  const fields: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (;;) {
    const [, quoted, plain = '', end] = field.exec(text) ?? [];
    if (end === undefined) return undefined;
    fields.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === '') return fields;
  }
}
