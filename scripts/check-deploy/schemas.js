// Checks an object against the schemas of Kubernetes.

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
  const model = await modelOf(object);
  if (!model) return [`there is no schema for ${object.kind} in ${object.apiVersion}`];
  const unread = new Set();
  try {
    model.prototype.validate.call(watch(object, '', unread));
  } catch (error) {
    return [error.message];
  }
  const isInside = (path) => [...unread].some((other) => path.startsWith(`${other}.`));
  return [...unread].filter((path) => !isInside(path)).map((path) => `${path.slice(1)} is an unknown field`);
}

async function modelOf({ apiVersion, kind }) {
  try {
    return (await import(`kubernetes-models/${apiVersion}`))[kind];
  } catch (error) {
    if (error.code === 'ERR_PACKAGE_PATH_NOT_EXPORTED') return undefined;
    throw error;
  }
}

/** A copy that removes the path of a field from `unread` when the field is read. */
function watch(value, path, unread) {
  if (value === null || typeof value !== 'object') return value;
  const copy = Array.isArray(value) ? [] : {};
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
