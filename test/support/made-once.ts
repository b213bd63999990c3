const everything = globalThis as { madeForSuites?: Map<string, unknown> };
const made = (everything.madeForSuites ??= new Map());

/** What is made once for all suites of a process, which load this module, and all of `test`, anew. */
export function madeOnce<Made>(name: string, make: () => Made): Made {
  if (!made.has(name)) made.set(name, make());
  return made.get(name) as Made;
}
