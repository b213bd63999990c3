import { FEATURES } from '../app.module.js';
import { Sweeper, type SweepOutcome } from '../database/sweeper.service.js';
import { withContext } from './command-context.js';
import { ProgressBar } from './progress-bar.js';
import { json } from './running.js';
import { orStopped } from './stoppable.js';

/** The command that deletes what has expired for long enough, as servers do every minute. */
export async function sweep(signal: AbortSignal, options: { json?: boolean }): Promise<string> {
  const bar = new ProgressBar(undefined);
  let outcome: SweepOutcome = 'done';
  const deleted = await withContext(signal, FEATURES, (context) => {
    const sweeper = context.get(Sweeper);
    sweeper.watch({ deleted: () => undefined, ended: (how) => (outcome = how) });
    const swept = sweeper.sweep((table, count) => {
      bar.show(0, `${count.toLocaleString('en')} rows, now of ${table}`);
    });
    return orStopped(signal, swept);
  }).finally(() => {
    bar.end();
  });
  if (options.json) return json({ deleted, outcome });
  const done = `Deleted ${deleted.toLocaleString('en')} rows that had expired for long enough.\n`;
  if ((outcome as SweepOutcome) !== 'skipped') return done;
  return `${deleted > 0 ? done : ''}A server, or another command, is sweeping already. It goes on; this one has stopped.\n`;
}
