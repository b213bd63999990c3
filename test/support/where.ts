import { describe, it } from '@jest/globals';

/** What a test needs that not every machine has. */
interface Need {
  has: boolean;
  /** What is missing, and how to get it, as the end of a sentence. */
  otherwise: string;
}

/** `describe`, skipped where something is missing, with a word about it. */
export function describeWhere({ has, otherwise }: Need): typeof describe | typeof describe.skip {
  if (!has) tell(otherwise);
  return has ? describe : describe.skip;
}

/** `it`, skipped where something is missing, with a word about it. */
export function itWhere({ has, otherwise }: Need): typeof it | typeof it.skip {
  if (!has) tell(otherwise);
  return has ? it : it.skip;
}

function tell(otherwise: string): void {
  process.stderr.write(`Some tests are NOT run: ${otherwise}.\n`);
}
