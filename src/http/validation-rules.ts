import { getMetadataStorage } from 'class-validator';

/**
 * class-validator collects the rules of a class from those of all classes, anew for each object: a twentieth of a request with a
 * body. From now on it does so once for each class, as no rule is added after a class has been loaded.
 */
export function rememberRules(): void {
  const storage = getMetadataStorage();
  type Collect = typeof storage.getTargetValidationMetadatas;
  const collect: Collect = storage.getTargetValidationMetadatas.bind(storage);
  const remembered = new WeakMap<object, ReturnType<Collect>>();
  storage.getTargetValidationMetadatas = (type, schema, always, strictGroups, groups) => {
    const isUsual = !schema && !always && !strictGroups && !groups?.length;
    const rules = (isUsual ? remembered.get(type) : undefined) ?? collect(type, schema, always, strictGroups, groups);
    if (isUsual) remembered.set(type, rules);
    return rules;
  };
}
