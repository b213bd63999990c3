/**
 * Prints what failed, by name, and then the line "N passed, N failed, N skipped".
 *
 *     node .ci/summary.js FOLDER PASSED [CHECK ...]
 *
 * FOLDER has the reports of Jest (`--json`) on the three kinds of tests; PASSED is how many checks passed beside them,
 * and each CHECK the name of one that failed.
 */
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

const [folder = '', checksPassed = '0', ...checksFailed] = process.argv.slice(2);

const reports = ['tests', 'long', 'faults'].map((name) =>
  JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')),
);

/** A suite that could not be run has no test that failed, but a message. */
function failuresOf({ name, status, message, assertionResults }) {
  const suite = relative('.', name);
  const failed = assertionResults.filter((test) => test.status === 'failed');
  if (failed.length === 0 && status === 'failed') return [[suite, message]];
  return failed.map((test) => [`${suite}: ${test.fullName}`, test.failureMessages.join('\n')]);
}

const firstLines = (message) =>
  stripVTControlCharacters(message)
    .split('\n')
    .filter((line) => line.trim() && !/^\s+at .*node_modules/.test(line))
    .slice(0, 6)
    .map((line) => `    ${line.slice(0, 300)}`)
    .join('\n');

const failures = [
  ...reports.flatMap(({ testResults }) => testResults.flatMap(failuresOf)),
  ...checksFailed.map((name) => [name, '']),
];
if (failures.length > 0) console.log('== What failed');
for (const [name, message] of failures) console.log(`  ${name}\n${firstLines(message)}`.trimEnd());

const sum = (count) => reports.map(count).reduce((one, other) => one + other, 0);
const passed = sum((report) => report.numPassedTests) + Number(checksPassed);
console.log(`${passed} passed, ${failures.length} failed, ${sum((report) => report.numPendingTests)} skipped`);
