import Sequencer from '@jest/test-sequencer';

/** The suites that take longest begin first, so that none of them is left over for the end. */
const LONGEST_FIRST = ['start-and-stop', 'embedded-postgres', 'tokens', 'outage', 'revocations', 'bad-input'];

export default class LongestFirst extends Sequencer {
  sort(tests) {
    const rank = ({ path }) => {
      const index = LONGEST_FIRST.findIndex((name) => path.endsWith(`/${name}.test.ts`));
      return index === -1 ? LONGEST_FIRST.length : index;
    };
    return [...tests].sort((one, other) => rank(one) - rank(other) || one.path.localeCompare(other.path));
  }
}
