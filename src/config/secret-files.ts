import { NotAFile, readRegularFile } from './regular-file.js';
import { FILE, secretVariables } from './variables.js';

/** The largest file that may hold a secret, in bytes. */
const LARGEST = 65_536;

/** What the variables say once secrets are read from their files. */
export interface Opened {
  /** Without the variables that name files, and with the secrets under their own names. */
  values: Record<string, string>;
  /** The secrets that come from a file. */
  fromFiles: Set<string>;
  /** Files that could not be read, and secrets that are set twice: as sentences that begin with a variable, without its value. */
  problems: string[];
}

/**
 * Reads secrets from the files that `<NAME>_FILE` names, as Docker and Kubernetes mount them: text in UTF-8, of which one line
 * break at the end is no part.
 *
 * @param present the variables that are set
 */
export function openSecretFiles(present: Record<string, string>): Opened {
  const opened: Opened = { values: { ...present }, fromFiles: new Set(), problems: [] };
  for (const name of secretVariables) {
    const variable = `${name}${FILE}`;
    const path = present[variable];
    if (path === undefined) continue;
    if (present[name] !== undefined) {
      opened.problems.push(`${variable} must not be set together with ${name}`);
      continue;
    }
    const read = contentOf(path);
    if ('problem' in read) opened.problems.push(`${variable} ${read.problem}`);
    else opened.values[name] = read.content;
    Reflect.deleteProperty(opened.values, variable);
    opened.fromFiles.add(name);
  }
  return opened;
}

function contentOf(path: string): { content: string } | { problem: string } {
  let bytes: Buffer;
  try {
    bytes = readRegularFile(path, { largest: LARGEST, otherwise: ', which is no secret' });
  } catch (error) {
    return { problem: error instanceof NotAFile ? error.message : 'must be the path of a readable file' };
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return { problem: 'names a file that is not text in UTF-8' };
  }
  const content = text.replace(/\r?\n$/, '');
  return content === '' ? { problem: 'names an empty file' } : { content };
}
