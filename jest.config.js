// Suites named so start the whole program again and again, or have a browser draw every route: `npm run test:long`.
const LONG = '\\.long\\.test\\.ts$';
const isLong = process.env.TESTS === 'long';

/** @type {import('jest').Config} */
export default {
  roots: ['<rootDir>/src', '<rootDir>/test', '<rootDir>/packages'],
  ...(isLong ? { testRegex: LONG } : { testMatch: ['**/*.spec.ts', '<rootDir>/{test,packages/*/test}/**/*.test.ts'] }),
  testPathIgnorePatterns: ['/node_modules/', ...(isLong ? [] : [LONG])],
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  // Jest cannot require() an ES module before Node 24.9, and @fastify/static requires this one.
  transform: { '^.+\\.ts$': '@swc/jest', '/node_modules/content-disposition/.+\\.js$': '@swc/jest' },
  transformIgnorePatterns: ['/node_modules/(?!content-disposition/)'],
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': '$1',
    '^@latchkey/([\\w-]+)$': '<rootDir>/packages/$1/src/index.ts',
  },
  globalSetup: '<rootDir>/test/support/global-setup.js',
  globalTeardown: '<rootDir>/test/support/global-teardown.js',
  collectCoverageFrom: ['src/**/*.ts', '!src/**/*.spec.ts'],
  // Many suites wait for processes of their own: one more than the cores of a small machine.
  maxWorkers: 3,
  testTimeout: 60_000,
};
