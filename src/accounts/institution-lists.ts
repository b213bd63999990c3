import { readEmailDomain } from '../emails/email-domains.js';
import { isTooLong, MUST_BE_STRING, ofEntry, problemOfName, tidy, type Reading } from '../http/validation.js';
import { MOST_NETWORKS, problemOfWide, readNetworks, type EntryReading } from './network-lists.js';

/** How many domains an account can have. */
export const MOST_DOMAINS = 400;

/** How many other names an account can have. */
export const MOST_ALIASES = 40;

/** In characters, of a list as one text: as many entries as there may be, with room around them. */
export const LONGEST_LIST = 65_536;

const MUST_BE_LIST = 'must be a list, or a text of lines';

/** What is pasted may also have commas or semicolons between its entries. */
const SEPARATOR = /[\r\n,;]+/;

/** What a list stands for, in canonical form; or what is wrong with it, in words that name the entry. */
export type ListReading = { values: string[] } | { problem: string };

/** @param isWideMeant whether networks may hold what is hardly meant; see {@link problemOfWide} */
export function readNetworkList(value: unknown, isWideMeant: boolean): ListReading {
  return readList(value, MOST_NETWORKS, (text) => {
    const reading = readNetworks(text);
    const wide = isWideMeant || 'problem' in reading ? undefined : firstProblem(reading.values);
    return wide === undefined ? reading : { problem: `${wide}: send allow_wide: true if that is meant` };
  });
}

const firstProblem = (networks: string[]) => networks.map(problemOfWide).find((problem) => problem !== undefined);

export function readDomainList(value: unknown): ListReading {
  return readList(value, MOST_DOMAINS, (text) => asList(readEmailDomain(text)));
}

/** Names contain commas and semicolons, so only lines part them. */
export function readAliasList(value: unknown): ListReading {
  const read = (text: string): EntryReading => {
    const problem = problemOfName(text);
    return problem === undefined ? { values: [tidy(text)] } : { problem };
  };
  return readList(value, MOST_ALIASES, read, /[\r\n]+/);
}

const asList = (reading: Reading): EntryReading => ('value' in reading ? { values: [reading.value] } : reading);

/** A list of texts, or one text of lines. In a list nothing is repeated; in lines, which are pasted, it may be. */
function readList(
  value: unknown,
  most: number,
  read: (text: string) => EntryReading,
  separator = SEPARATOR,
): ListReading {
  const isText = typeof value === 'string';
  if (isText && isTooLong(value, LONGEST_LIST)) return { problem: MUST_BE_LIST };
  const entries: unknown = isText ? linesOf(value, separator) : value;
  if (!Array.isArray(entries)) return { problem: MUST_BE_LIST };
  if (entries.length > most) return { problem: tooMany(most) };
  const places = new Map<string, number>();
  const values = new Set<string>();
  for (const [index, entry] of (entries as unknown[]).entries()) {
    const reading = typeof entry === 'string' ? read(entry) : { problem: MUST_BE_STRING.message };
    if ('problem' in reading) return { problem: ofEntry(index + 1, reading.problem) };
    const whole = reading.values.join();
    const earlier = places.get(whole);
    if (earlier !== undefined && !isText) return { problem: ofEntry(index + 1, `repeats entry ${earlier}`) };
    places.set(whole, index + 1);
    for (const one of reading.values) values.add(one);
    if (values.size > most) return { problem: tooMany(most) };
  }
  return { values: [...values] };
}

const tooMany = (most: number) => `must have at most ${most} entries`;

function linesOf(text: string, separator: RegExp): string[] {
  return text
    .split(separator)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
