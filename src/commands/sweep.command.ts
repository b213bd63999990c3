import { FEATURES } from '../app.module.js';
import { Sweeper } from '../database/sweeper.service.js';
import { withContext } from './command-context.js';
import { ProgressBar } from './progress-bar.js';
import { json } from './running.js';
import { orStopped } from './stoppable.js';

/** The command that deletes what has expired for long enough, as servers do every minute. */
export async function sweep(signal: AbortSignal, options: { json?: boolean }): Promise<string> {
  const bar = new ProgressBar(undefined);
  const deleted = await withContext(signal, FEATURES, (context) =>
    orStopped(
      signal,
      context.get(Sweeper).sweep((table, count) => {
        bar.show(0, `${count.toLocaleString('en')} rows, now of ${table}`);
      }),
    ),
  ).finally(() => {
    bar.end();
  });
  if (options.json) return json({ deleted });
  return `Deleted ${deleted.toLocaleString('en')} rows that had expired for long enough.\n`;
}
