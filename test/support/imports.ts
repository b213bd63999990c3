import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Imports, type ImportSource } from '../../src/imports/imports.service.js';
import type { Counts } from '../../src/imports/imports.store.js';
import type { TestServer } from './server.js';

const folders: string[] = [];

/** Removes the reports. */
export function cleanUpReports(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
}

export interface Imported {
  counts: Counts;
  /** Why records were refused, by the line of each. */
  refused: Record<number, Record<string, string>>;
}

/** Imports records, or a text as it is. */
export async function importRecords(
  server: TestServer,
  records: unknown[] | string,
  options: Partial<ImportSource> = {},
): Promise<Imported> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-import-'));
  folders.push(folder);
  const text = typeof records === 'string' ? records : records.map((record) => JSON.stringify(record)).join('\n');
  const source = {
    name: folder,
    bytes: chunksOf(Buffer.from(text)),
    format: 'ndjson' as const,
    report: join(folder, 'report'),
    admins: false,
    isDryRun: false,
    isRestarted: false,
    ...options,
  };
  const { counts, report } = await server.app.get(Imports).run(source, new AbortController().signal, () => undefined);
  return { counts, refused: existsSync(report) ? readReport(report) : {} };
}

/** @returns what a report says, by line */
export function readReport(path: string): Imported['refused'] {
  const lines = readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .filter((line) => line !== '');
  return Object.fromEntries(
    lines.map((text) => {
      const { line, errors } = JSON.parse(text) as { line: number; errors: Record<string, string> };
      return [line, errors];
    }),
  );
}

/** In parts that end anywhere. */
export async function* chunksOf(bytes: Buffer, size = 1_000): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += size) yield Promise.resolve(bytes.subarray(start, start + size));
}
