import { ExportsModule } from '../exports/exports.module.js';
import { Exports, type ExportCounts } from '../exports/exports.service.js';
import { withContext } from './command-context.js';
import { openTarget } from './export-target.js';
import { ProgressBar } from './progress-bar.js';
import { json } from './running.js';
import { orStopped } from './stoppable.js';

/** What `latchkey export` can be told: either of the first two. */
export interface ExportArguments {
  all?: boolean;
  account?: string;
  output?: string;
  json?: boolean;
}

/** The command that writes what the database has. It says on standard error what it was, as the other one may be the export. */
export async function exportTo(signal: AbortSignal, { account, output, json: inJson }: ExportArguments): Promise<void> {
  const target = await openTarget(output);
  const bar = new ProgressBar(undefined);
  try {
    const write = (text: string) => target.write(text);
    const show = (now: ExportCounts) => {
      bar.show(0, textOf(now));
    };
    const counts = await withContext(signal, [ExportsModule], (context) => {
      const exports = context.get(Exports);
      // Whoever takes what is written may have stopped doing so.
      return orStopped<ExportCounts>(
        signal,
        account === undefined ? exports.writeAll(write, signal, show) : exports.writeAccount(account, write, signal),
      );
    });
    await target.finish();
    bar.end();
    process.stderr.write(inJson ? json(counts) : `Exported ${textOf(counts)}.\n`);
  } catch (error) {
    await target.discard();
    throw error;
  } finally {
    bar.end();
  }
}

const textOf = (counts: ExportCounts) =>
  Object.entries(counts)
    .map(([name, count]) => `${count.toLocaleString('en')} ${name}`)
    .join(', ');
