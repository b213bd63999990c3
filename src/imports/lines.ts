/** A part of a file that is one record: a line of NDJSON; of CSV one line, or several where there is a line break in quotes. */
export interface RawRecord {
  /** Where it begins, counted from one. */
  line: number;
  /** All that it has of the file, with its line break. Empty for one that is too long. */
  bytes: Buffer;
  /** undefined: it is longer than {@link LONGEST_RECORD}. */
  text: string | undefined;
}

export type Format = 'ndjson' | 'csv';

/** In bytes. */
export const LONGEST_RECORD = 2 ** 20;

const LINE_FEED = 0x0a;
const QUOTE = 0x22;

/** Splits a stream into records, and keeps no more of it in memory than the longest of them and what was read last. */
export class RecordSplitter {
  private kept: Buffer[] = [];
  private keptLength = 0;
  private isInQuotes = false;
  private line = 1;
  private linesInRecord = 0;

  constructor(private readonly format: Format) {}

  /** @returns the records that end in a part of the stream */
  *split(chunk: Buffer): Generator<RawRecord> {
    let start = 0;
    for (let index = 0; index < chunk.length; index += 1) {
      const byte = chunk[index];
      if (byte === QUOTE && this.format === 'csv') this.isInQuotes = !this.isInQuotes;
      if (byte !== LINE_FEED) continue;
      this.linesInRecord += 1;
      if (this.isInQuotes && this.keptLength + index - start <= LONGEST_RECORD) continue;
      this.isInQuotes = false;
      yield this.record(chunk.subarray(start, index + 1));
      start = index + 1;
    }
    if (start < chunk.length) this.keep(chunk.subarray(start));
  }

  /** @returns what stands behind the last line break */
  *end(): Generator<RawRecord> {
    if (this.keptLength > 0) yield this.record(Buffer.alloc(0));
  }

  private keep(part: Buffer): void {
    this.kept.push(part);
    this.keptLength += part.length;
  }

  private record(last: Buffer): RawRecord {
    const { line } = this;
    this.keep(last);
    const bytes = this.kept.length === 1 ? last : Buffer.concat(this.kept);
    this.kept = [];
    this.keptLength = 0;
    this.line += Math.max(1, this.linesInRecord);
    this.linesInRecord = 0;
    return { line, bytes, text: bytes.length <= LONGEST_RECORD ? textOf(bytes) : undefined };
  }
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
