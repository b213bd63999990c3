// node scripts/release/is-latest.js v1.2.3 <tags: prints `true` if the image of that tag is what `latest` should be, or else
// `false`. `tags` are the names of all tags, one a line. A tag that is no version of semver.org, or a prerelease, never is.
import { readFileSync } from 'node:fs';

const [tag] = process.argv.slice(2);
const tags = readFileSync(0, 'utf8').split(/\s+/);
console.log(released(tag) !== undefined && tags.includes(tag) && tags.every((other) => !isLater(other, tag)));

/** The three numbers of a release, or undefined for any other tag. */
function released(name = '') {
  const [, ...numbers] = /^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/.exec(name) ?? [];
  return numbers.length === 3 ? numbers.map(BigInt) : undefined;
}

function isLater(other, than) {
  const [numbers, ours] = [released(other), released(than)];
  const differs = numbers?.findIndex((number, place) => number !== ours[place]) ?? -1;
  return differs !== -1 && numbers[differs] > ours[differs];
}
