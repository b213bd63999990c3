// Fails when a package in the lock file runs a script at its installation and is not on the list with its reason.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/**
 * @param lock the parsed package-lock.json
 * @param reasons why each of the packages that run a script may, or may not, by name
 * @param allowed what npm is told of each: `allowScripts` of package.json
 * @returns what is wrong, a line each
 */
export function installScriptProblems(lock, reasons, allowed) {
  const found = Object.entries(lock.packages)
    .filter(([, { hasInstallScript }]) => hasInstallScript)
    .map(([path, { name }]) => name ?? path.split('node_modules/').at(-1));
  const names = [...new Set(found)];
  return [
    ...names
      .filter((name) => !Object.hasOwn(reasons, name))
      .map((name) => `${name} runs a script when it is installed, and is not in scripts/install-scripts.json`),
    ...Object.keys(reasons)
      .filter((name) => !names.includes(name))
      .map((name) => `${name} is in scripts/install-scripts.json, but runs no script any more`),
    ...Object.keys(reasons)
      .filter((name) => !reasons[name]?.trim())
      .map((name) => `${name} is in scripts/install-scripts.json without a reason`),
    ...Object.keys({ ...reasons, ...allowed })
      .filter((name) => !Object.hasOwn(reasons, name) || !Object.hasOwn(allowed, name))
      .map((name) => `${name} is in only one of scripts/install-scripts.json and allowScripts of package.json`),
  ];
}

const read = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const problems = installScriptProblems(
    read('../package-lock.json'),
    read('./install-scripts.json'),
    read('../package.json').allowScripts,
  );
  for (const problem of problems) console.error(problem);
  if (problems.length === 0) console.log('Every install script is on the list.');
  process.exitCode = Math.min(problems.length, 1);
}
