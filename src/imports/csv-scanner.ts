const LINE_FEED = 0x0a;
const RETURN = 0x0d;
const QUOTE = 0x22;
const COMMA = 0x2c;

/** Where in a record of CSV (RFC 4180) a byte is. */
type State =
  /** At the begin of a field. */
  | 'begin'
  | 'plain'
  | 'quoted'
  /** Behind a quote that ends a field, or is the first of two. */
  | 'closed'
  /** Behind the return of a line break that follows a quote. */
  | 'returned'
  /** In what is no CSV, or too long. */
  | 'lost';

/**
 * Finds where records of CSV end. A quote only means something where a field begins, and within quotes; so that a stray one takes
 * as few rows with it as possible, what turns out to be no record ends at its first line break.
 */
export class CsvScanner {
  private state: State = 'begin';
  private fields = 1;
  /** How many fields a record has: as many as the first one. */
  private columns: number | undefined;
  /** Behind the first line break of the record. */
  private firstBreak: number | undefined;

  constructor(private readonly longest: number) {}

  endOf(bytes: Buffer, from: number): number | undefined {
    for (let index = from; index < bytes.length; index += 1) {
      const byte = bytes[index] ?? 0;
      if (byte === LINE_FEED) {
        this.firstBreak ??= index + 1;
        if (this.state !== 'quoted') return this.end(this.isRecord(bytes, index + 1) ? index + 1 : this.firstBreak);
      } else if (this.state !== 'lost' && !this.isMark(bytes, index)) {
        if (byte === COMMA && this.state !== 'quoted') this.fields += 1;
        this.state = after(this.state, byte);
        const end = this.state === 'lost' ? this.giveUp() : undefined;
        if (end !== undefined) return end;
      }
    }
    return undefined;
  }

  giveUp(): number | undefined {
    if (this.firstBreak !== undefined) return this.end(this.firstBreak);
    this.state = 'lost';
    return undefined;
  }

  private isRecord(bytes: Buffer, end: number): boolean {
    if (this.columns === undefined && bytes.toString('utf8', 0, end).trim() !== '') this.columns = this.fields;
    return end <= this.longest && this.fields === (this.columns ?? this.fields);
  }

  /** A byte order mark at the begin of the file, which may stand before a quote. */
  private isMark(bytes: Buffer, index: number): boolean {
    return this.columns === undefined && index < 3 && bytes[index] === [0xef, 0xbb, 0xbf][index];
  }

  private end(end: number): number {
    this.state = 'begin';
    this.fields = 1;
    this.firstBreak = undefined;
    return end;
  }
}

function after(state: State, byte: number): State {
  if (state === 'quoted') return byte === QUOTE ? 'closed' : 'quoted';
  if (byte === QUOTE) return state === 'begin' || state === 'closed' ? 'quoted' : 'lost';
  if (state === 'returned') return 'lost';
  if (byte === COMMA) return 'begin';
  if (state !== 'closed') return 'plain';
  return byte === RETURN ? 'returned' : 'lost';
}
