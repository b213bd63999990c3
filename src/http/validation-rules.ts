import { getMetadataStorage } from 'class-validator';

/**
 * class-validator collects the rules of a class from those of all classes, anew for each object: a twentieth of a request with a
 * body. From now on it does so once for each class, as no rule is added after a class has been loaded.
 */
export function rememberRules(): void {
  const storage = getMetadataStorage();
  type Collect = typeof storage.getTargetValidationMetadatas;
  const collect: Collect = storage.getTargetValidationMetadatas.bind(storage);
  const remembered = new WeakMap<object, Map<string, ReturnType<Collect>>>();
  storage.getTargetValidationMetadatas = (type, schema, always, strictGroups, groups) => {
    if (always || strictGroups || groups?.length) return collect(type, schema, always, strictGroups, groups);
    const bySchema = remembered.get(type) ?? new Map<string, ReturnType<Collect>>();
    // An object within another has the name of the outer class here.
    const rules = bySchema.get(schema) ?? collect(type, schema, always, strictGroups, groups);
    remembered.set(type, bySchema.set(schema, rules));
    return rules;
  };
}
