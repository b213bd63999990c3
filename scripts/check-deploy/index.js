// Renders deploy/ with kubectl, and checks each object against the schemas of Kubernetes and for what schemas cannot
// express.
// The server must refuse placeholders by name, and accept everything else.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments } from 'yaml';
import { leftPlaceholders } from './environment.js';
import { linkProblems } from './links.js';
import { schemaProblems } from './schemas.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
const deploy = fileURLToPath(new URL('../../deploy', import.meta.url));
const secret = parse(readFileSync(`${deploy}/secret.example.yaml`, 'utf8'));
const overlays = readdirSync(`${deploy}/overlays`).map((name) => `overlays/${name}`);

let failed = report('secret.example.yaml', secret, await schemaProblems(secret));
for (const folder of ['base', ...overlays]) {
  const objects = render(folder);
  for (const object of objects) {
    const problems = await schemaProblems(object);
    // These checks rely on the schema.
    if (problems.length === 0) problems.push(...linkProblems(object, [...objects, secret]));
    if (folder !== 'base') problems.push(...leftPlaceholders(object));
    if (folder === 'overlays/example') problems.push(...otherVersions(object));
    failed += report(folder, object, problems);
  }
}
console.log(failed === 0 ? 'The manifests are valid.' : `${failed} object(s) with problems.`);
process.exitCode = failed === 0 ? 0 : 1;

function render(folder) {
  const { error, status, stdout, stderr } = spawnSync('kubectl', ['kustomize', `${deploy}/${folder}`], {
    encoding: 'utf8',
  });
  if (error?.code === 'ENOENT') {
    fail(
      'kubectl is missing. On Debian: apt-get install kubernetes-client\nElsewhere: https://kubernetes.io/docs/tasks/tools/',
    );
  }
  if (error) throw error;
  if (status !== 0) fail(`kubectl cannot render deploy/${folder}:\n${stderr}`);
  return parseAllDocuments(stdout).map((document) => document.toJS());
}

/** The example must use the current version. Returns problems. */
function otherVersions({ spec }) {
  const images = (spec?.template?.spec?.containers ?? []).map(({ image }) => image);
  return images.filter((image) => !image.endsWith(`:${version}`)).map((image) => `${image} is not version ${version}`);
}

function fail(text) {
  console.error(text);
  process.exit(1);
}

/** One line for the object and one for each problem. Returns 1 if there are any. */
function report(place, { kind, metadata }, problems) {
  console.log(`${problems.length === 0 ? 'ok    ' : 'FAILED'} ${place}: ${kind} ${metadata?.name}`);
  for (const problem of problems) console.log(`       ${problem}`);
  return Math.min(problems.length, 1);
}
