import Sequencer from '@jest/test-sequencer';

/**
 * The suites that take longest begin first, so that none of them is left over for the end. Those that mostly wait
 * (revocations, outage, mail) have company that works.
 */
const LONGEST_FIRST = [
  'revocations',
  'bad-input',
  'outage',
  'stays-up',
  'account-admin/races',
  'tokens',
  'audit-log/reading',
  'credentials',
  'password-reset',
  'wayf-page',
  'supervised-postgres',
  'migrations',
  'account-emails',
  'reset-page',
  'email-pages',
  'limits',
  'mail',
  'app-token-contract',
  'connect-contract/identification-create',
  'http',
  'sessions',
  'oauth-standards',
  'oauth-contract/clients',
];

export default class LongestFirst extends Sequencer {
  sort(tests) {
    const rank = ({ path }) => {
      const index = LONGEST_FIRST.findIndex((name) => path.endsWith(`/${name}.test.ts`));
      return index === -1 ? LONGEST_FIRST.length : index;
    };
    return [...tests].sort((one, other) => rank(one) - rank(other) || one.path.localeCompare(other.path));
  }
}
