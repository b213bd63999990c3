import { setFlagsFromString } from 'node:v8';

/**
 * Has V8 take memory as suits a server that runs for long and whose requests leave almost nothing behind. `npm start`, the image and the unit
 * for systemd also bound the part of the heap in which objects begin (`--max-semi-space-size`, in MiB), which cannot be set later.
 */
export function saveMemory(): void {
  // Otherwise the heap grows to up to four times of what is in use before V8 looks for what is not. It costs a few percent of CPU at
  // most, where most credentials that are shown are not remembered yet.
  setFlagsFromString('--heap-growing-percent=30');
  // Otherwise objects that V8 expects to last, as others from the same place did when little was asked, begin among the old ones. One that
  // belongs to a request keeps all of it there until the whole heap is looked at, which took a fifth to a third of the CPU of a check.
  setFlagsFromString('--no-allocation-site-pretenuring');
  // V8's compiler between the plain one and the thorough one, which Node.js 20 and 22 do not use: it takes 15 to 30 MB, and once
  // some thousands of requests have been served, they are hardly faster with it.
  setFlagsFromString('--no-maglev');
}
