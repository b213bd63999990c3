/**
 * What a command of its own runs: the suites that start the whole program again and again, or have a browser draw every
 * route (`npm run test:long`), and those that do harm to what is around it (`npm run test:faults`).
 */
const SPECIAL = { long: '\\.long\\.test\\.ts$', faults: 'test/faults/.*\\.test\\.ts$' };
const asked = SPECIAL[process.env.TESTS];

/** @type {import('jest').Config} */
export default {
  roots: ['<rootDir>/src', '<rootDir>/test', '<rootDir>/packages'],
  ...(asked ? { testRegex: asked } : { testMatch: ['**/*.spec.ts', '<rootDir>/{test,packages/*/test}/**/*.test.ts'] }),
  testPathIgnorePatterns: ['/node_modules/', ...(asked ? [] : Object.values(SPECIAL))],
  // Suites of one process share what they load of `src` and of packages: loading it took longer than most suites.
  testEnvironment: '<rootDir>/test/support/shared-environment.js',
  runtime: '<rootDir>/test/support/shared-runtime.js',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': '@swc/jest' },
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': '$1',
    '^@latchkey/([\\w-]+)$': '<rootDir>/packages/$1/src/index.ts',
  },
  globalSetup: '<rootDir>/test/support/global-setup.js',
  globalTeardown: '<rootDir>/test/support/global-teardown.js',
  collectCoverageFrom: ['src/**/*.ts', '!src/**/*.spec.ts'],
  // Many suites wait for processes of their own: one more than the cores of a small machine.
  maxWorkers: 3,
  // Ends what hangs. No machine is to come near it: a test that asks how long something takes does so itself.
  testTimeout: 600_000,
};
