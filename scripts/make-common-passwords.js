// Makes src/passwords/common-passwords.txt out of a list of passwords, one a line, the most common first; see
// docs/decisions/password-blocklist.md. It has the 60,000 most common ones, and for each minimum length the 5,000 most common ones
// that have it.
import { readFileSync, writeFileSync } from 'node:fs';

const MOST = 60_000;
const MOST_OF_A_LENGTH = 5_000;
const LONGEST = 20;

const [source] = process.argv.slice(2);
if (source === undefined) throw new Error('Name the file of passwords.');

const kept = new Set();
const seen = new Set();
/** How many of at least so many characters came before. */
const before = Array.from({ length: LONGEST + 1 }, () => 0);

for (const line of readFileSync(source, 'utf8').split('\n')) {
  const word = line.replace(/\r$/, '').normalize('NFKC').toLowerCase();
  // Neither what is not text any more, nor addresses of people.
  if (!/^[\x20-\x7e]+$/.test(word) || /@.*\./.test(word) || seen.has(word)) continue;
  seen.add(word);
  if (seen.size <= MOST) kept.add(word);
  for (let length = 1; length <= Math.min(word.length, LONGEST); length += 1) {
    if (before[length] < MOST_OF_A_LENGTH) kept.add(word);
    before[length] += 1;
  }
}

const target = new URL('../src/passwords/common-passwords.txt', import.meta.url);
writeFileSync(target, `${[...kept].sort().join('\n')}\n`);
console.log(`${kept.size} passwords`);
