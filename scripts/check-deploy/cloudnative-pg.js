// The kinds of CloudNativePG and of its plugin for backups, for which no package has schemas: the fields that are used are those
// that their documentation has, and what names something else names what is there.
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';

const DOCUMENTATION = 'https://cloudnative-pg.io/documentation/current';
const folder = new URL('../../deploy/cloudnative-pg/', import.meta.url);
const read = (name) => parseAllDocuments(readFileSync(new URL(name, folder), 'utf8')).map((one) => one.toJS());

/** Of each kind the fields of its `spec`, and the page that has them. Below `*` is whatever the program that reads it knows. */
const KINDS = {
  Cluster: {
    apiVersion: 'postgresql.cnpg.io/v1',
    page: `${DOCUMENTATION}/cloudnative-pg.v1/#clusterspec`,
    fields: [
      ...['instances', 'imageName', 'primaryUpdateStrategy', 'primaryUpdateMethod'],
      ...['database', 'owner', 'secret.name', 'encoding', 'dataChecksums'].map((field) => `bootstrap.initdb.${field}`),
      ...['source', 'database', 'owner', 'secret.name', 'recoveryTarget.targetTime'].map(
        (field) => `bootstrap.recovery.${field}`,
      ),
      ...['name', 'plugin.name', 'plugin.parameters.*'].map((field) => `externalClusters[].${field}`),
      'certificates.serverAltDNSNames[]',
      'postgresql.parameters.*',
      ...['method', 'number', 'dataDurability'].map((field) => `postgresql.synchronous.${field}`),
      ...['storage.size', 'walStorage.size', 'resources.requests.*', 'resources.limits.*'],
      ...['enablePodAntiAffinity', 'podAntiAffinityType', 'topologyKey'].map((field) => `affinity.${field}`),
      'topologySpreadConstraints[].*',
      ...['name', 'isWALArchiver', 'parameters.*'].map((field) => `plugins[].${field}`),
    ],
  },
  Pooler: {
    apiVersion: 'postgresql.cnpg.io/v1',
    page: `${DOCUMENTATION}/cloudnative-pg.v1/#poolerspec`,
    fields: ['cluster.name', 'type', 'instances', 'pgbouncer.poolMode', 'pgbouncer.parameters.*', 'template.*'],
  },
  ScheduledBackup: {
    apiVersion: 'postgresql.cnpg.io/v1',
    page: `${DOCUMENTATION}/cloudnative-pg.v1/#scheduledbackupspec`,
    fields: ['schedule', 'immediate', 'backupOwnerReference', 'cluster.name', 'method', 'pluginConfiguration.name'],
  },
  ObjectStore: {
    apiVersion: 'barmancloud.cnpg.io/v1',
    page: 'https://cloudnative-pg.io/plugin-barman-cloud/docs/usage/',
    fields: [
      'retentionPolicy',
      ...['destinationPath', 'endpointURL', 'wal.compression', 'data.compression'].map(
        (field) => `configuration.${field}`,
      ),
      ...['accessKeyId', 'secretAccessKey'].flatMap((field) =>
        ['name', 'key'].map((part) => `configuration.s3Credentials.${field}.${part}`),
      ),
    ],
  },
};

/** The settings of PgBouncer that the operator passes on (connection_pooling, "PgBouncer configuration options"). */
const POOLER_SETTINGS = [
  ...['max_client_conn', 'default_pool_size', 'max_prepared_statements'],
  ...['tcp_keepalive', 'tcp_keepidle', 'tcp_keepintvl', 'tcp_keepcnt'],
];

export const isOfCloudNativePg = ({ kind }) => kind in KINDS;

/** @returns the fields that the documentation does not have */
export function fieldProblems({ kind, apiVersion, spec }) {
  const known = KINDS[kind];
  const patterns = known.fields.map((field) => new RegExp(`^${escape(field).replace('\\*', '.+')}$`));
  return [
    ...(apiVersion === known.apiVersion ? [] : [`${kind} is of ${known.apiVersion}`]),
    ...pathsOf(spec)
      .filter((path) => !patterns.some((pattern) => pattern.test(path)))
      .map((path) => `${path} is not among the fields that ${known.page} was seen to have`),
  ];
}

const escape = (text) => text.replaceAll(/[.*[\]]/g, '\\$&');

function pathsOf(value, path = '') {
  if (value === null || typeof value !== 'object') return [path];
  if (Array.isArray(value))
    return value.length === 0 ? [`${path}.[]`] : value.flatMap((one) => pathsOf(one, `${path}[]`));
  return Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, path === '' ? key : `${path}.${key}`));
}

/** What names something else, by kind. */
export const LINKS = {
  Cluster: ({ metadata, spec }, all) => [
    ...[spec.bootstrap.initdb ?? spec.bootstrap.recovery].flatMap(({ secret }) => secretProblems(secret.name)),
    ...(spec.externalClusters ?? [])
      .filter(({ plugin }) => plugin.parameters.serverName === metadata.name)
      .map(() => 'it is restored from itself'),
    ...[...spec.plugins, ...(spec.externalClusters ?? []).map(({ plugin }) => plugin)].flatMap(({ parameters }) =>
      missing('ObjectStore', parameters.barmanObjectName, all),
    ),
    ...poolerNames(all)
      .filter((name) => !spec.certificates.serverAltDNSNames.includes(name))
      .map((name) => `its certificate lacks ${name}, the name of the pooler`),
    ...connectionsProblems(spec, all),
    ...caSecrets(all)
      .filter((secret) => secret !== `${metadata.name}-ca`)
      .map((secret) => `${secret} is not the Secret with its CA`),
  ],
  Pooler: ({ spec }, all) => [
    ...missing('Cluster', spec.cluster.name, all),
    ...Object.keys(spec.pgbouncer.parameters)
      .filter((name) => !POOLER_SETTINGS.includes(name))
      .map((name) => `the operator was not seen to pass ${name} on`),
    ...urlProblems(all),
  ],
  ScheduledBackup: ({ spec }, all) => missing('Cluster', spec.cluster.name, all),
  ObjectStore: ({ spec }) =>
    Object.values(spec.configuration.s3Credentials).flatMap(({ name, key }) => secretProblems(name, key)),
  PodMonitor: ({ spec }, all) => {
    const { 'cnpg.io/cluster': cluster, 'cnpg.io/poolerName': pooler } = spec.selector.matchLabels;
    return cluster === undefined ? missing('Pooler', pooler, all) : missing('Cluster', cluster, all);
  },
};

/** What a restore makes, beside what is there. */
export const restored = () => read('restore.yaml');

function missing(kind, name, all) {
  const isThere = all.some((object) => object.kind === kind && object.metadata.name === name);
  return isThere ? [] : [`there is no ${kind} ${name}`];
}

function secretProblems(name, key) {
  const found = read('secrets.example.yaml').find(({ metadata }) => metadata.name === name);
  if (!found) return [`secrets.example.yaml has no Secret ${name}`];
  return key === undefined || key in found.stringData ? [] : [`the Secret ${name} has no ${key}`];
}

function poolerNames(all) {
  const poolers = all.filter(({ kind }) => kind === 'Pooler').map(({ metadata }) => metadata);
  return poolers.flatMap(({ name, namespace = 'latchkey' }) =>
    ['', `.${namespace}`, `.${namespace}.svc`, `.${namespace}.svc.cluster.local`].map((domain) => name + domain),
  );
}

/** The Secrets from which servers and the Job take the CA of the database. */
function caSecrets(all) {
  const volumes = all
    .filter(({ kind }) => ['Deployment', 'Job'].includes(kind))
    .flatMap(({ spec }) => spec.template.spec.volumes ?? []);
  return volumes.filter(({ name }) => name === 'database-ca').map(({ secret }) => secret?.secretName);
}

/** All poolers together, and each replica's direct connections at its most, have to fit. */
function connectionsProblems({ postgresql }, all) {
  const pooled = all
    .filter(({ kind }) => kind === 'Pooler')
    .reduce((sum, { spec }) => sum + spec.instances * Number(spec.pgbouncer.parameters.default_pool_size), 0);
  const allowed = Number(postgresql.parameters.max_connections);
  return pooled < allowed ? [] : [`the poolers may open ${pooled} connections, of ${allowed}`];
}

/** The URLs of the template lead to the pooler and to the cluster, over TLS that is verified. */
function urlProblems(all) {
  const [{ stringData }] = read('secrets.example.yaml');
  const nameOf = (kind) => all.find((object) => object.kind === kind).metadata.name;
  const wanted = { DATABASE_URL: nameOf('Pooler'), DATABASE_DIRECT_URL: `${nameOf('Cluster')}-rw` };
  return Object.entries(wanted).flatMap(([name, host]) => {
    const { hostname, searchParams } = new URL(stringData[name]);
    const isVerified = searchParams.get('sslmode') === 'verify-full';
    return hostname === host && isVerified ? [] : [`${name} does not lead to ${host} with sslmode=verify-full`];
  });
}
