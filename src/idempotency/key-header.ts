import { LONGEST_KEY } from './refusals.js';

/** A string of RFC 9651, as the draft has it. */
const QUOTED = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])+)"$/;
/** As most clients send it. */
const BARE = /^[\x21\x23-\x7e]+$/;

/** @returns the key; null if it is none that is taken */
export function readKey(header: string): string | null {
  const quoted = QUOTED.exec(header)?.[1]?.replace(/\\(.)/g, '$1');
  const key = quoted ?? (BARE.test(header) ? header : '');
  return key !== '' && key.length <= LONGEST_KEY ? key : null;
}
