// The Helm chart: what it renders, what it has to refuse, and whether it renders what Kustomize does.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { parse, parseAllDocuments } from 'yaml';
import { run } from './tools.js';

/** What each of the two adds, and the other does not. */
const LABELS_OF_HELM = [
  'app.kubernetes.io/instance',
  'app.kubernetes.io/managed-by',
  'app.kubernetes.io/version',
  'helm.sh/chart',
];

const MISTAKES = [
  { what: 'a secret among the settings', set: 'config.SECRET_KEY=x' },
  { what: 'headers with a key among the settings', set: 'config.OTEL_EXPORTER_OTLP_HEADERS=x' },
  { what: 'a sampler that is none', set: 'tracing.sampler=some' },
  { what: 'alerts without runbooks', set: 'prometheusRule.enabled=true' },
  { what: 'a place of runbooks that is none', set: 'prometheusRule.runbookUrl=docs/' },
  { what: 'an unknown value', set: 'replica=3' },
  { what: 'an unknown value inside', set: 'ingress.hosts=x' },
  { what: 'no PUBLIC_URL', set: 'config.PUBLIC_URL=' },
  { what: 'a name that is no variable', set: 'config.public-url=x' },
  { what: 'an HTTPRoute without a Gateway', set: 'httpRoute.enabled=true' },
  { what: 'an ExternalSecret of nothing', set: 'externalSecret.enabled=true' },
  { what: 'a digest that is none', set: 'image.digest=latest' },
  { what: 'an image that is none', set: 'image.repository=a b: c' },
  { what: 'a tag with a quote', set: 'image.tag=1.0"x' },
  { what: 'a name that no object may have', set: 'fullnameOverride=A_b' },
  { what: 'a name with a quote', set: 'nameOverride=big"name' },
  { what: 'a Secret that cannot be', set: 'existingSecret=a b"c' },
  { what: 'a priority class that cannot be', set: 'priorityClassName=a: b' },
  { what: 'an Ingress for what is no host', set: 'ingress.host=a"b' },
  { what: 'a collector that is none', set: 'tracing.endpoint=http://x"y' },
  { what: 'two authorities for the database', set: 'databaseCA.secret=x,databaseCA.configMap=y' },
  { what: 'more replicas at least than at most', set: 'autoscaling.minReplicas=9', isTyped: true },
  { what: 'less time to stop than the delay takes', set: 'terminationGracePeriodSeconds=5', isTyped: true },
  { what: 'an Ingress that leads nowhere', set: 'publicPaths.exact=null,publicPaths.prefix=null', isTyped: true },
];

/** What becomes of values as YAML has them. */
const ARGUMENTS = [
  [0.25, '0.25'],
  [0, '0'],
  [1, '1'],
  ['0.1', '0.1'],
  ['', undefined],
];

/** @returns the objects of the chart with a file of values */
export function renderChart({ helm }, chart, values, more = []) {
  const text = run(helm, ['template', 'latchkey', chart, '--namespace', 'latchkey', '--values', values, ...more]);
  return parseAllDocuments(text)
    .map((document) => document.toJS())
    .filter((object) => object !== null);
}

/** @returns how the arguments of samplers come out that are not as they were written */
function samplerProblems(tools, chart) {
  const values = `${chart}/ci/everything-values.yaml`;
  return ARGUMENTS.flatMap(([written, wanted]) => {
    const set = `tracing.samplerArg=${JSON.stringify(written)}`;
    const server = renderChart(tools, chart, values, ['--set-json', set]).find(({ kind }) => kind === 'Deployment');
    const { env } = server.spec.template.spec.containers[0];
    const found = env.find(({ name }) => name === 'OTEL_TRACES_SAMPLER_ARG')?.value;
    return found === wanted ? [] : [`${set} becomes ${found}`];
  });
}

/** @returns problems of the chart as such */
export function chartProblems(tools, chart, version) {
  const { helm } = tools;
  const { version: own, appVersion } = parse(readFileSync(`${chart}/Chart.yaml`, 'utf8'));
  const values = `${chart}/ci/example-values.yaml`;
  const lint = spawnSync(helm, ['lint', '--strict', '--values', values, chart], { encoding: 'utf8' });
  const accepted = MISTAKES.filter(({ set, isTyped }) => {
    const args = ['template', 'latchkey', chart, '--values', values, isTyped ? '--set' : '--set-string', set];
    return spawnSync(helm, args, { encoding: 'utf8' }).status === 0;
  });
  const readme = readFileSync(`${chart}/README.md`, 'utf8');
  const undescribed = Object.keys(parse(readFileSync(`${chart}/values.yaml`, 'utf8'))).filter(
    (name) => !new RegExp(`^\\|.*\`${name}[.\`]`, 'm').test(readme),
  );
  return [
    ...undescribed.map((name) => `its README has no row for ${name}`),
    ...(own === version && appVersion === version ? [] : [`version and appVersion have to be ${version}`]),
    ...(lint.status === 0 ? [] : [lint.stdout + lint.stderr]),
    ...samplerProblems(tools, chart),
    ...accepted.map(({ what, set }) => `it accepts ${what} (${set})`),
  ];
}

/** @returns how two renderings of the same values differ, but for what the tools add */
export function driftProblems(kustomized, charted) {
  const ours = byName(kustomized.map(withoutKustomize));
  const theirs = byName(charted.filter((object) => !isOfTest(object)).map(withoutHelm));
  const names = [...new Set([...ours.keys(), ...theirs.keys()])].sort();
  return names.flatMap((name) => {
    if (!ours.has(name)) return [`only the chart has ${name}`];
    if (!theirs.has(name)) return [`only Kustomize has ${name}`];
    return differences(ours.get(name), theirs.get(name), name);
  });
}

/** `helm test` has no equal in Kustomize. */
const isOfTest = ({ metadata }) => metadata.annotations?.['helm.sh/hook'] === 'test';

const byName = (objects) => new Map(objects.map((object) => [`${object.kind} ${object.metadata.name}`, object]));

/** Without the hash in the name of the ConfigMap, and the namespace. */
function withoutKustomize(object) {
  const copy = JSON.parse(JSON.stringify(object).replaceAll(/latchkey-[0-9a-z]{10}(?=")/g, 'latchkey'));
  delete copy.metadata.namespace;
  return copy.kind === 'ConfigMap' || copy.kind === 'Ingress' ? withoutLabels(copy) : copy;
}

function withoutHelm(object) {
  const copy = structuredClone(object);
  delete copy.metadata.annotations;
  const template = copy.spec?.template;
  if (template?.metadata.annotations) delete template.metadata.annotations['checksum/config'];
  for (const container of template?.spec.containers ?? []) delete container.imagePullPolicy;
  const clean = strip(copy);
  return clean.kind === 'ConfigMap' || clean.kind === 'Ingress' ? withoutLabels(clean) : clean;
}

/** Those that the base does not have: nothing selects these objects. */
function withoutLabels(object) {
  delete object.metadata.labels;
  return object;
}

function strip(value) {
  if (Array.isArray(value)) return value.map(strip);
  if (value === null || typeof value !== 'object') return value;
  const kept = Object.entries(value).filter(([key]) => !LABELS_OF_HELM.includes(key));
  return Object.fromEntries(kept.map(([key, inner]) => [key, strip(inner)]));
}

function differences(one, other, path) {
  if (isDeepStrictEqual(one, other)) return [];
  const both = [one, other].every((value) => value !== null && typeof value === 'object');
  if (!both) return [`${path}: ${JSON.stringify(one)} by Kustomize, ${JSON.stringify(other)} by the chart`];
  const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  return keys.flatMap((key) => differences(one[key], other[key], `${path}.${key}`));
}
