import { closeSync, constants, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import type { Outcome } from './outcomes.js';

/** The file that has every record which was refused, and why: a line of JSON for each, never with what the record says. */
export class ImportReport {
  private file: number | undefined;

  constructor(readonly path: string) {}

  /**
   * Writes what was refused behind what was noted to be written; what is there already was never noted. It is on the disk
   * before it is noted.
   *
   * @returns how many bytes the report has then
   */
  write(outcomes: Outcome[], size: number): number {
    const lines = outcomes.flatMap((outcome) =>
      outcome.as === 'refused' ? [`${JSON.stringify({ line: outcome.line, errors: outcome.errors })}\n`] : [],
    );
    if (lines.length === 0) return size;
    this.file ??= openSync(this.path, constants.O_RDWR | constants.O_CREAT, 0o600);
    const bytes = Buffer.from(lines.join(''));
    ftruncateSync(this.file, size);
    writeSync(this.file, bytes, 0, bytes.length, size);
    fsyncSync(this.file);
    return size + bytes.length;
  }

  close(): void {
    if (this.file !== undefined) closeSync(this.file);
  }
}
