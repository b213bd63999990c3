import { statSync } from 'node:fs';
import { FILE, secretVariables } from '../config/variables.js';
import { ok, type Finding } from './doctor.finding.js';

/**
 * Which secrets come from files, and when these have last changed: a server that is older than that does not know it yet.
 *
 * @param env the process environment, whose files could be read
 */
export function checkSecretFiles(env: NodeJS.ProcessEnv): Finding {
  const named = secretVariables.flatMap((name) => {
    const path = env[`${name}${FILE}`];
    // It was there a moment ago, when it was read.
    const changed = path && statSync(path, { throwIfNoEntry: false })?.mtime.toISOString();
    return path ? [`${name} (${changed === undefined ? 'gone by now' : `last changed ${changed}`})`] : [];
  });
  return ok(
    'secrets in files',
    named.length === 0
      ? 'No secret comes from a file.'
      : `${named.join(', ')}. Servers read them when they start: restart those that are older than a change.`,
  );
}
