import type { FileHandle } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ImportsModule } from '../imports/imports.module.js';
import { Imports, type ImportSource } from '../imports/imports.service.js';
import type { RecordType } from '../imports/records.js';
import { withContext } from './command-context.js';
import { openFile } from './files.js';
import { ProgressBar } from './progress-bar.js';
import { json, UsageError } from './running.js';

/** What `latchkey import` can be told. */
export interface ImportArguments {
  format?: 'ndjson' | 'csv';
  type?: RecordType;
  admins?: boolean;
  dryRun?: boolean;
  report?: string;
  restart?: boolean;
  json?: boolean;
}

/** The command that imports what another service has. @returns what came of it, and whether some records were refused */
export async function importFile(
  signal: AbortSignal,
  file: string,
  options: ImportArguments,
): Promise<{ text: string; anyRefused: boolean }> {
  const isInput = file === '-';
  const { bytes, size } = isInput ? { bytes: process.stdin, size: undefined } : await openImport(file);
  const source: ImportSource = {
    name: isInput ? file : resolve(file),
    bytes,
    format: options.format ?? (/\.csv$/i.test(file) ? 'csv' : 'ndjson'),
    ...(options.type && { usual: options.type }),
    ...(options.report !== undefined && { report: options.report }),
    admins: options.admins ?? false,
    isDryRun: options.dryRun ?? false,
    isRestarted: options.restart ?? false,
  };
  const sweep = sweeper();
  const bar = new ProgressBar(size);
  const { counts, report } = await withContext(signal, [ImportsModule], (context) =>
    context.get(Imports).run(source, signal, ({ position, counts: { records, refused } }) => {
      sweep();
      bar.show(position, `${number(records)} records, ${number(refused)} refused`);
    }),
  ).finally(() => {
    bar.end();
  });
  const { records, made, changed, unchanged, refused } = counts;
  const anyRefused = refused > 0;
  if (options.json) {
    const shown = { records, made, changed, unchanged, refused, dry_run: source.isDryRun };
    return { text: json({ ...shown, report: anyRefused ? report : null }), anyRefused };
  }
  const others = `${number(changed)} changed, ${number(unchanged)} unchanged, ${number(refused)} refused`;
  const summary = source.isDryRun
    ? `Dry run, nothing changed: ${number(records)} records (${number(made)} would be created, ${others}).`
    : `${number(records)} records: ${number(made)} created, ${others}.`;
  return { text: `${summary}\n${anyRefused ? `Reasons: ${report}\n` : ''}`, anyRefused };
}

/** @throws UsageError when there is none, it cannot be opened, or it is a folder */
async function openImport(file: string): Promise<{ bytes: AsyncIterable<Buffer>; size: number }> {
  const handle = await openFile(file);
  const stats = await handle.stat();
  if (stats.isDirectory()) {
    await handle.close();
    throw new UsageError(`${file} is a folder.`);
  }
  return { bytes: chunksOf(handle), size: stats.size };
}

/** Begins to read when the first is asked for: a stream would have its error before anybody listens. */
async function* chunksOf(handle: FileHandle): AsyncGenerator<Buffer> {
  yield* handle.createReadStream({ highWaterMark: 2 ** 18 }) as AsyncIterable<Buffer>;
}

const number = (count: number) => count.toLocaleString('en');

/** How many batches are done before memory is swept. */
const SWEEP_EVERY = 4;

/** V8 lets garbage lie for as long as there is memory: an import beside a server should not take that much. */
function sweeper(): () => void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  let batches = 0;
  return () => {
    batches += 1;
    if (batches % SWEEP_EVERY === 0) collect();
  };
}
