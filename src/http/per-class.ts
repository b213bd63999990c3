import type { Type } from '@nestjs/common';

/** @returns the function, which remembers its result for each class: for what no decorator adds to any more once it is asked */
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
