import type { Type } from '@nestjs/common';

/** @returns the function, computed once for each class: what its decorators say is looked up along all that it extends */
export function oncePerClass<Result>(compute: (type: Type<object>) => Result): (type: Type<object>) => Result {
  const results = new WeakMap<Type<object>, { result: Result }>();
  return (type) => {
    const known = results.get(type);
    if (known) return known.result;
    const result = compute(type);
    results.set(type, { result });
    return result;
  };
}
