import type { GivenRecord } from './import-batches.service.js';
import type { Checkpoint } from './imports.store.js';
import { csvFields, LONGEST_RECORD, RecordSplitter, type Format, type RawRecord } from './lines.js';
import { refused, type Outcome } from './outcomes.js';

/** How many records a transaction has at most, and how many bytes these have: they are all in memory. */
const BATCH = { records: 500, bytes: 2 ** 21 };

/** A batch of records, and where they end. */
export interface Batch {
  records: RawRecord[];
  /** In bytes, and the SHA-256 of these. */
  position: number;
  digest: Buffer;
}

/** Where the records come from. */
interface File {
  bytes: AsyncIterable<Buffer>;
  format: Format;
}

/**
 * Reads a file from its beginning, and gives what stands behind a checkpoint.
 *
 * @param parser is told of what stands before it
 * @throws when what stands before it is not what was imported
 */
export async function* batchesOf(
  { bytes, format }: File,
  checkpoint: Place,
  parser: RecordParser,
): AsyncGenerator<Batch> {
  const splitter = new RecordSplitter(format);
  let batch = { records: [] as RawRecord[], bytes: 0 };
  const isSeen = () => splitter.position >= checkpoint.position;
  const here = () => ({ position: splitter.position, digest: splitter.digest() });
  for await (const record of recordsOf({ bytes, format }, splitter)) {
    if (splitter.position - record.length < checkpoint.position) {
      parser.skip(record);
      if (isSeen()) requireSame(here(), checkpoint);
      continue;
    }
    batch.records.push(record);
    batch.bytes += record.length;
    if (batch.records.length < BATCH.records && batch.bytes < BATCH.bytes) continue;
    yield { records: batch.records, ...here() };
    batch = { records: [], bytes: 0 };
  }
  if (!isSeen()) throw changedFile();
  if (batch.records.length > 0) yield { records: batch.records, ...here() };
}

async function* recordsOf({ bytes, format }: File, splitter: RecordSplitter): AsyncGenerator<RawRecord> {
  let isBegun = false;
  for await (const chunk of bytes) {
    const text: string = isBegun ? '' : chunk.toString('utf8', 0, 1_000).trim();
    if (text.startsWith('[') && format === 'ndjson') throw new Error(ARRAY);
    isBegun ||= text !== '';
    yield* splitter.split(chunk);
  }
  yield* splitter.end();
}

const ARRAY =
  'The file is an array of JSON. An import takes an object on each line (NDJSON), which this makes of it: jq -c ".[]" FILE';

type Place = Pick<Checkpoint, 'position' | 'digest'>;

function requireSame({ position, digest }: Place, checkpoint: Place): void {
  if (position !== checkpoint.position || !digest.equals(checkpoint.digest)) throw changedFile();
}

const changedFile = () =>
  new Error(
    'A part of this file was imported before, and the file has changed since. Import it from its beginning (--restart): ' +
      'what is there already stays, or changes as the file says.',
  );

/** What records were given, and which of them cannot be read. */
export interface Parsed {
  given: GivenRecord[];
  unreadable: Outcome[];
}

/** Makes values of records. A CSV begins with the names of its columns. */
export class RecordParser {
  private columns: string[] | undefined;

  constructor(private readonly format: Format) {}

  /** What was imported before only matters for its columns. */
  skip(record: RawRecord): void {
    if (this.format === 'csv' && !this.columns) this.parse([record]);
  }

  /** @throws when the names of the columns cannot be read: nothing that follows could be */
  parse(records: RawRecord[]): Parsed {
    const given: GivenRecord[] = [];
    const unreadable: Outcome[] = [];
    for (const { line, length, text } of records) {
      const plain = line === 1 ? text?.replace(/^\uFEFF/, '') : text;
      if (plain?.trim() === '') continue;
      if (this.format === 'csv' && !this.columns) {
        this.columns = columnsOf(plain);
        continue;
      }
      const read = plain === undefined ? { problem: problemOfBytes(length) } : this.valueOf(plain);
      if ('problem' in read) unreadable.push(refused(line, { record: read.problem }));
      else given.push({ line, value: read.value });
    }
    return { given, unreadable };
  }

  private valueOf(text: string): { value: unknown } | { problem: string } {
    if (this.format === 'ndjson') {
      try {
        return { value: JSON.parse(text) as unknown };
      } catch {
        return { problem: 'is not JSON' };
      }
    }
    const fields = csvFields(text);
    const columns = this.columns ?? [];
    if (!fields) return { problem: 'has a misplaced quote (RFC 4180)' };
    if (fields.length !== columns.length) return { problem: `has ${fields.length} fields, not ${columns.length}` };
    return { value: Object.fromEntries(columns.map((column, index) => [column, fields[index]])) };
  }
}

const problemOfBytes = (length: number) =>
  length > LONGEST_RECORD ? `is longer than ${LONGEST_RECORD / 2 ** 20} MiB` : 'is not UTF-8';

function columnsOf(text: string | undefined): string[] {
  const columns = text === undefined ? undefined : csvFields(text)?.map((name) => name.trim());
  if (!columns?.every((name) => /^[a-z_]{1,40}$/.test(name)) || new Set(columns).size < columns.length) {
    throw new Error('The first line of a CSV has the names of its columns, each of them once.');
  }
  return columns;
}
