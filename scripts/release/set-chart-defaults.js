// node scripts/release/set-chart-defaults.js IMAGE RUNBOOKS: makes them the defaults of the chart, before it is published, so
// that the chart of a fork installs the image of that fork. IMAGE has no tag: that is the chart's appVersion.
import { readFileSync, writeFileSync } from 'node:fs';

const VALUES = new URL('../../deploy/chart/values.yaml', import.meta.url);
const [image, runbooks] = process.argv.slice(2);
const DEFAULTS = [
  { line: '  repository: latchkey', value: image, form: /^[a-z0-9.-]+(:\d+)?(\/[a-z0-9]+([._-]+[a-z0-9]+)*)+$/ },
  { line: "  runbookUrl: ''", value: runbooks, form: /^https:\/\/[\w.~/-]+\/$/ },
];

let values = readFileSync(VALUES, 'utf8');
for (const { line, value = '', form } of DEFAULTS) {
  const [before, after, ...more] = values.split(`\n${line}\n`);
  if (!form.test(value)) throw new Error(`${JSON.stringify(value)} is no value for "${line.trim()}".`);
  if (after === undefined || more.length > 0) throw new Error(`The chart has to have one line "${line.trim()}".`);
  values = `${before}\n${line.replace(/: .*/, `: ${value}`)}\n${after}`;
}
writeFileSync(VALUES, values);
