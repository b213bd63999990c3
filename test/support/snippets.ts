import { readFileSync } from 'node:fs';

/** A block of code of a document. */
export interface Snippet {
  /** The last one before it. */
  heading: string;
  language: string;
  code: string;
}

/** Where the examples of the documents have the server. */
export const PRINTED_URL = 'http://127.0.0.1:3000';

/** @returns the blocks of code in docs/clients.md; text, such as a dialogue, is none */
export function snippetsForClients(): Snippet[] {
  let heading = '';
  const found: Snippet[] = [];
  const text = readFileSync('docs/clients.md', 'utf8');
  for (const [, title, language = '', code = ''] of text.matchAll(/^#+ ([^\n]*)$|^```(\w+)\n(.*?)^```$/gms)) {
    if (title !== undefined) heading = title;
    else if (language !== 'text') found.push({ heading, language, code });
  }
  return found;
}
