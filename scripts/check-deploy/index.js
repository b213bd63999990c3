// Renders deploy/ with kubectl and helm, and checks each object against the schemas of Kubernetes and for what schemas
// cannot express. The chart must render what Kustomize does.
// The server must refuse placeholders by name, and accept everything else.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments } from 'yaml';
import { chartProblems, driftProblems, renderChart } from './chart.js';
import { composeProblems } from './compose.js';
import { restored } from './cloudnative-pg.js';
import { leftPlaceholders } from './environment.js';
import { linkProblems } from './links.js';
import { schemaProblems } from './schemas.js';
import { run, tools } from './tools.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
const deploy = fileURLToPath(new URL('../../deploy', import.meta.url));
const secret = parse(readFileSync(`${deploy}/secret.example.yaml`, 'utf8'));
const overlays = readdirSync(`${deploy}/overlays`).map((name) => `overlays/${name}`);

const programs = tools();
const chart = `${deploy}/chart`;

let failed = report('secret.example.yaml', secret, await schemaProblems(secret));
for (const folder of ['base', ...overlays]) failed += await check(folder, kustomize(folder));
const monitor = parse(readFileSync(`${deploy}/observability/service-monitor.yaml`, 'utf8'));
const monitorProblems = await schemaProblems(monitor);
failed += report('observability', monitor, [...monitorProblems, ...linkProblems(monitor, kustomize('base'))]);
const database = kustomize('cloudnative-pg');
failed += await check('cloudnative-pg', database);
failed += await check('cloudnative-pg/restore.yaml', restored(), database);
const withDatabase = ['--values', `${deploy}/cloudnative-pg/values.yaml`];
failed += await check(
  'chart, cloudnative-pg/values.yaml',
  renderChart(programs, chart, `${chart}/ci/example-values.yaml`, withDatabase),
);
for (const file of readdirSync(`${chart}/ci`)) {
  failed += await check(`chart, ${file}`, renderChart(programs, chart, `${chart}/ci/${file}`));
}
const example = { kind: 'Chart', metadata: { name: 'latchkey' } };
const charted = renderChart(programs, chart, `${chart}/ci/example-values.yaml`);
failed += report('chart, as such', example, chartProblems(programs, chart, version));
failed += report('chart and overlays/example', example, driftProblems(kustomize('overlays/example'), charted));
failed += report('compose.yaml', { kind: 'Compose', metadata: { name: 'latchkey' } }, composeProblems());
console.log(failed === 0 ? 'The manifests are valid.' : `${failed} object(s) with problems.`);
process.exitCode = failed === 0 ? 0 : 1;

/** @param others what is there besides. @returns how many objects have problems */
async function check(place, objects, others = []) {
  let failures = 0;
  for (const object of objects) {
    const problems = await schemaProblems(object);
    // These checks rely on the schema.
    if (problems.length === 0) problems.push(...linkProblems(object, [...objects, ...others, secret]));
    if (place !== 'base') problems.push(...leftPlaceholders(object));
    if (place === 'overlays/example') problems.push(...otherVersions(object));
    failures += report(place, object, problems);
  }
  return failures;
}

function kustomize(folder) {
  const text = run(programs.kubectl, ['kustomize', `${deploy}/${folder}`]);
  return parseAllDocuments(text).map((document) => document.toJS());
}

/** The example must use the current version. Returns problems. */
function otherVersions({ spec }) {
  const images = (spec?.template?.spec?.containers ?? []).map(({ image }) => image);
  return images.filter((image) => !image.endsWith(`:${version}`)).map((image) => `${image} is not version ${version}`);
}

/** One line for the object and one for each problem. Returns 1 if there are any. */
function report(place, { kind, metadata }, problems) {
  console.log(`${problems.length === 0 ? 'ok    ' : 'FAILED'} ${place}: ${kind} ${metadata?.name}`);
  for (const problem of problems) console.log(`       ${problem}`);
  return Math.min(problems.length, 1);
}
