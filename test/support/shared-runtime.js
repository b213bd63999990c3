import { pathToFileURL } from 'node:url';
import Runtime from 'jest-runtime';

const kept = { esm: new Map(), cjs: new Map(), sourceMaps: new Map() };

/**
 * Loads the server and the packages once in a process, where Jest would load them anew for each suite: that took longer
 * than most suites. What is of the tests (`test`, `*.spec.ts`) is loaded for each suite still, and spies are taken away
 * after it. So nothing in `src` may keep in a variable of a module what another server must not see.
 */
export default class SharedRuntime extends Runtime {
  constructor(config, ...others) {
    super(config, ...others);
    const ownsModule = ownedBySuite(config.rootDir);
    // Names of Jest's own. Were they others, each suite would load all for itself again.
    this.registries.esModuleRegistry = new Registry(kept.esm, ownsModule);
    this.registries.moduleRegistry = new Registry(kept.cjs, ownsModule);
  }

  /** Errors name the lines of the sources, whichever suite has loaded them. */
  getSourceMaps() {
    const sourceMaps = super.getSourceMaps();
    for (const [path, map] of kept.sourceMaps) sourceMaps.set(path, map);
    return sourceMaps;
  }

  /** What a suite has loaded goes on loading: packages load parts of theirs when they are needed first. */
  leaveTestCode() {}

  teardown() {
    for (const [path, map] of super.getSourceMaps()) kept.sourceMaps.set(path, map);
    this.restoreAllMocks();
  }
}

/** @returns whether a module belongs to one suite; keys are paths, URLs, and the names of Node's own and of Jest */
function ownedBySuite(rootDir) {
  const folders = [rootDir, pathToFileURL(rootDir).href].flatMap((root) => [`${root}/test/`, `${root}/packages/`]);
  return (key) =>
    key.startsWith('@jest/globals') ||
    /\.(spec|test)\.ts$/.test(key) ||
    folders.some((folder) => key.startsWith(folder) && !key.includes('/node_modules/'));
}

/** A map of which a part is kept for the next suite. */
class Registry extends Map {
  #kept;
  #ownsModule;

  constructor(kept, ownsModule) {
    super();
    this.#kept = kept;
    this.#ownsModule = ownsModule;
  }

  get(key) {
    return this.#ownsModule(key) ? super.get(key) : this.#kept.get(key);
  }

  has(key) {
    return this.#ownsModule(key) ? super.has(key) : this.#kept.has(key);
  }

  set(key, module) {
    if (this.#ownsModule(key)) return super.set(key, module);
    this.#kept.set(key, module);
    return this;
  }

  delete(key) {
    return this.#ownsModule(key) ? super.delete(key) : this.#kept.delete(key);
  }
}
