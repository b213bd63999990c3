// Checks an object against the schemas of Kubernetes, and against our own knowledge of kinds that have none.
import { fieldProblems, isOfCloudNativePg } from './cloudnative-pg.js';

export async function schemaProblems(object) {
  const problems = await validate(object);
  if (problems.length > 0) return problems;
  // Proves that the method below still finds unknown fields with this version of the library.
  const spoiled = structuredClone(object);
  (spoiled.spec ?? spoiled.metadata).unheardOf = 'of';
  return (await validate(spoiled)).length > 0 ? [] : ['the validator would not notice an unknown field'];
}

/**
 * kubernetes-models accepts unknown fields, but reads every field that it knows: those that it never reads are unknown.
 */
async function validate(object) {
  if (isOfCloudNativePg(object)) return fieldProblems(object);
  const model = await modelOf(object);
  if (!model) return [`there is no schema for ${object.kind} in ${object.apiVersion}`];
  const unread = new Set();
  try {
    const named = { ...object, apiVersion: model.apiVersion };
    // Older models look for their schema on what they are called on.
    const watched = watch(named, '', unread, model.prototype);
    model.prototype.validate.call(watched);
  } catch (error) {
    return [error.message];
  }
  const isInside = (path) => [...unread].some((other) => path.startsWith(`${other}.`));
  return [...unread].filter((path) => !isInside(path)).map((path) => `${path.slice(1)} is an unknown field`);
}

/** Kinds that are not Kubernetes' own, and where their schemas are. */
const PACKAGES = {
  'gateway.networking.k8s.io': '@kubernetes-models/gateway-api',
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
  'external-secrets.io': '@kubernetes-models/external-secrets',
};
/** The same in all that is used, and not in the package yet. */
const SAME_AS = { 'external-secrets.io/v1': 'external-secrets.io/v1beta1' };

async function modelOf({ apiVersion, kind }) {
  const version = SAME_AS[apiVersion] ?? apiVersion;
  try {
    return (await import(`${PACKAGES[version.split('/')[0]] ?? 'kubernetes-models'}/${version}`))[kind];
  } catch (error) {
    if (error.code === 'ERR_PACKAGE_PATH_NOT_EXPORTED') return undefined;
    throw error;
  }
}

/** A copy that removes the path of a field from `unread` when the field is read. */
function watch(value, path, unread, prototype = Object.prototype) {
  if (value === null || typeof value !== 'object') return value;
  const copy = Array.isArray(value) ? [] : Object.create(prototype);
  for (const [key, inner] of Object.entries(value)) {
    unread.add(`${path}.${key}`);
    copy[key] = watch(inner, `${path}.${key}`, unread);
  }
  return new Proxy(copy, {
    get(target, key) {
      unread.delete(`${path}.${String(key)}`);
      return target[key];
    },
  });
}
