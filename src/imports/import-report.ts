import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { unwritable } from '../config/unwritable.js';
import type { Outcome } from './outcomes.js';

/** @returns what a report says of records: a line of JSON for each that was refused, and why, never with what the record says */
export function reportOf(outcomes: Outcome[]): Buffer {
  const lines = outcomes.flatMap((outcome) =>
    outcome.as === 'refused' ? [`${JSON.stringify({ line: outcome.line, errors: outcome.errors })}\n`] : [],
  );
  return Buffer.from(lines.join(''));
}

/** How a report begins; see {@link reportOf}. */
const REPORT_BEGINS = '{"line":';

/** The file with all that was refused. */
export class ImportReport {
  private readonly file: number;

  /**
   * @param size how many bytes of it were noted
   * @param source the file that is imported, which it must not be
   * @throws when it cannot be written, or has less than was noted
   */
  constructor(
    readonly path: string,
    size: number,
    source: string,
  ) {
    this.file = open(path, size);
    try {
      this.requireSize(size);
      if (!fstatSync(this.file).isFile()) throw new Error('The report must be a file. --report chooses another one.');
      if (this.isSameFile(source)) throw new Error('The report must be another file than the one that is imported.');
      if (size === 0) this.requireReport();
      // A new file is only certain to be there when its folder is on the disk.
      sync(dirname(path));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Writes behind what was noted to be written: what is there already was never noted. To be called when nobody else can note anything,
   * before it is noted for good.
   */
  write(bytes: Buffer, size: number): void {
    if (bytes.length === 0) return;
    this.requireSize(size);
    try {
      ftruncateSync(this.file, size);
      for (let done = 0; done < bytes.length;)
        done += writeSync(this.file, bytes, done, bytes.length - done, size + done);
      fsyncSync(this.file);
    } catch (error) {
      throw new Error(unwritable(`The report ${this.path}`, error), { cause: error });
    }
  }

  /** @param size how many bytes it has; one that says nothing is removed */
  finish(size: number): void {
    this.requireSize(size);
    ftruncateSync(this.file, size);
    fsyncSync(this.file);
    if (size === 0) unlinkSync(this.path);
  }

  close(): void {
    closeSync(this.file);
  }

  private requireSize(size: number): void {
    if (fstatSync(this.file).size < size) throw shortened(this.path);
  }

  /** What is there already may be that of an import before; nothing else is overwritten. */
  private requireReport(): void {
    const begin = Buffer.alloc(REPORT_BEGINS.length);
    const length = readSync(this.file, begin, 0, begin.length, 0);
    if (length === 0 || begin.toString() === REPORT_BEGINS) return;
    throw new Error(`${this.path} is there already, and is no report. --report chooses another file.`);
  }

  private isSameFile(source: string): boolean {
    const [own, other] = [fstatSync(this.file), statSync(source, { throwIfNoEntry: false })];
    return own.ino === other?.ino && own.dev === other.dev;
  }
}

function open(path: string, size: number): number {
  try {
    return openSync(path, constants.O_RDWR | (size === 0 ? constants.O_CREAT : 0), 0o600);
  } catch (error) {
    if (size > 0 && (error as NodeJS.ErrnoException).code === 'ENOENT') throw shortened(path);
    throw new Error(`${unwritable(`The report ${path}`, error)} --report chooses another file.`, { cause: error });
  }
}

function sync(folder: string): void {
  const handle = openSync(folder, constants.O_RDONLY);
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

const shortened = (path: string) =>
  new Error(
    `${path}, the report of this import, is not there any more as a whole. Put it back, or import from the beginning (--restart).`,
  );
