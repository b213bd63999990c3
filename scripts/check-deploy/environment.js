// The environment of a container, checked by the server's own configuration.
import { readFileSync } from 'node:fs';
import { ConfigError, loadConfig } from '../../dist/src/config/config.js';
import { doorsOf } from '../../dist/src/config/doors.js';
import { settingNames } from '../../dist/src/config/variables.js';

/** Replaces placeholders while the rest is checked. */
const SAMPLES = {
  PUBLIC_URL: 'https://auth.example.org',
  MAIL_FROM: 'Example <no-reply@example.org>',
  TRUST_PROXY: '10.0.0.0/8',
  DATABASE_URL: 'postgres://latchkey:password@postgres:5432/latchkey',
  SECRET_KEY: 'a secret key of 32 characters or more',
  SMTP_URL: 'smtps://latchkey:password@mail.example.org:465',
};

/** The variables that the image sets. */
const dockerfile = readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8');
const IMAGE = Object.fromEntries(
  [...dockerfile.matchAll(/^ENV (.+)$/gm)].flatMap(([, pairs]) => pairs.split(' ').map((pair) => pair.split('='))),
);

/** What Node itself reads, and OpenTelemetry's SDK (docs/tracing.md). */
const OF_OTHERS = /^(NODE_EXTRA_CA_CERTS|OTEL_[A-Z_]+)$/;

const isPlaceholder = (value) => /^<.*>$/.test(value);

export const hasPort = (ports, wanted) =>
  wanted !== undefined && ports.some(({ name, containerPort }) => [name, containerPort].includes(wanted));

export function unknownVariables(names) {
  return names
    .filter((name) => !settingNames.includes(name) && !OF_OTHERS.test(name))
    .map((name) => `the server does not know the variable ${name}`);
}

export function leftPlaceholders({ kind, data = {} }) {
  const left = kind === 'ConfigMap' ? Object.keys(data).filter((name) => isPlaceholder(data[name])) : [];
  return left.map((name) => `${name} is still a placeholder`);
}

export function containerProblems(container, volumes, all) {
  const ports = container.ports ?? [];
  const probes = ['startupProbe', 'livenessProbe', 'readinessProbe'].filter((name) => container[name]);
  const mounts = container.volumeMounts ?? [];
  const { values, missing } = environmentOf(container, all);
  const problems = [
    ...probes
      .filter((name) => !hasPort(ports, container[name].httpGet?.port))
      .map((name) => `the ${name} uses a port that is not declared`),
    ...mounts
      .filter(({ name }) => !volumes.some((volume) => volume.name === name))
      .map(({ name }) => `there is no volume ${name}`),
    ...missing,
    ...unknownVariables(Object.keys(values)),
    ...(isMounted(values.DATABASE_CA_FILE, mounts) ? [] : ['DATABASE_CA_FILE is in no volume']),
  ];
  // That file is not here.
  delete values.DATABASE_CA_FILE;
  return problems.length > 0 ? problems : configProblems(values, ports);
}

const isMounted = (path, mounts) =>
  path === undefined || mounts.some(({ mountPath }) => path.startsWith(`${mountPath}/`));

/** Combined as by Kubernetes: `env` overrides `envFrom`. */
function environmentOf({ envFrom = [], env = [] }, all) {
  const values = {};
  const missing = [];
  const dataOf = (kind, name) => {
    const found = all.find((object) => object.kind === kind && object.metadata.name === name);
    if (!found) missing.push(`there is no ${kind} ${name}`);
    return { ...found?.data, ...found?.stringData };
  };
  for (const { configMapRef, secretRef } of envFrom) {
    Object.assign(values, configMapRef ? dataOf('ConfigMap', configMapRef.name) : dataOf('Secret', secretRef.name));
  }
  for (const { name, value, valueFrom } of env) {
    const isOptional = valueFrom?.secretKeyRef?.optional === true;
    const kind = valueFrom?.configMapKeyRef ? 'ConfigMap' : 'Secret';
    const reference = valueFrom?.configMapKeyRef ?? valueFrom?.secretKeyRef;
    values[name] = reference ? dataOf(kind, reference.name)[reference.key] : value;
    if (values[name] !== undefined) continue;
    delete values[name];
    if (!isOptional) missing.push(`${name} has no value`);
  }
  return { values, missing };
}

function configProblems(values, ports) {
  const placeholders = Object.keys(values).filter((name) => isPlaceholder(values[name]));
  const samples = Object.fromEntries(placeholders.map((name) => [name, SAMPLES[name]]));
  const { config, refused } = tryConfig({ ...IMAGE, ...values, ...samples });
  if (!config) return refused.map((line) => `the server would refuse: ${line}`);
  const named = tryConfig({ ...IMAGE, ...values }).refused.map((line) => line.split(' ', 1)[0]);
  const taken = placeholders.filter((name) => !named.includes(name));
  return [
    ...taken.map((name) => `the server would accept the placeholder of ${name}`),
    ...doorsOf(config)
      .filter(({ port }) => ports.length > 0 && !hasPort(ports, port))
      .map(({ port }) => `the server's port ${port} is not declared`),
  ];
}

/** @returns problems of the settings of a container that has no placeholders */
export const settingsProblems = (values) =>
  tryConfig({ ...IMAGE, ...values }).refused.map((line) => `the server would refuse: ${line}`);

function tryConfig(values) {
  try {
    return { config: loadConfig(values), refused: [] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { config: undefined, refused: error.problems };
  }
}
