import { readFileSync } from 'node:fs';

/** This module, and those that import it, are read by a Node that is too old: they use nothing that is new. */

interface Manifest {
  engines: { node: string };
}

/**
 * Loads the program, unless it could not run here. Then it says what to do, and ends the process with 1.
 *
 * @param load imports the program
 */
export async function loadProgram<Program>(load: () => Promise<Program>): Promise<Program> {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as Manifest;
  const { node } = process.versions;
  if (!isSupported(node, manifest.engines.node)) {
    return refuse(
      `Latchkey requires Node.js ${inWords(manifest.engines.node)}; this is ${node}. See https://nodejs.org`,
    );
  }
  try {
    return await load();
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    // Of a file, it is a fault of the build.
    const missing = code === 'ERR_MODULE_NOT_FOUND' ? /^Cannot find package '([^']+)'/.exec(message)?.[1] : undefined;
    if (missing === undefined) throw error;
    return refuse(`The package ${missing} is not installed. Run npm ci first.`);
  }
}

/** @param range as `engines` of package.json has it: `^a.b.c` and `>=a.b.c`, joined by ` || ` */
export function isSupported(version: string, range: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return range.split(' || ').some((part) => {
    const [leastMajor = 0, leastMinor = 0] = part.replace(/^\D+/, '').split('.').map(Number);
    if (major === leastMajor) return minor >= leastMinor;
    return part.startsWith('>=') && major > leastMajor;
  });
}

/** @returns such a range for people: `20.19+ (20.x), 22.13+ (22.x) or 24.11+` */
export function inWords(range: string): string {
  const versions = range.split(' || ').map((part) => {
    const [major = '', minor = ''] = part.replace(/^\D+/, '').split('.');
    return `${major}.${minor}+${part.startsWith('^') ? ` (${major}.x)` : ''}`;
  });
  return versions.join(', ').replace(/, (?=[^,]*$)/, ' or ');
}

function refuse(sentence: string): never {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}
