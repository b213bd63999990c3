// Compiles the server and the package that supervises its PostgreSQL, and copies what is no TypeScript beside what was compiled.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, rmSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const built = `${root}/dist/tsconfig.build.tsbuildinfo`;

function compile(project) {
  const tsc = [`${root}/node_modules/typescript/bin/tsc`, '-p', `${root}/${project}`];
  const { status } = spawnSync(process.execPath, tsc, { cwd: root, stdio: 'inherit' });
  if (status === 0) return;
  // The compiler writes output in spite of errors, which must not count as a build the next time.
  rmSync(built, { force: true });
  process.exit(1);
}

const isAsset = (path) => statSync(path).isDirectory() || !(path.endsWith('.ts') || basename(path) === 'tsconfig.json');

rmSync(`${root}/dist`, { recursive: true, force: true });
compile('packages/supervised-postgres/tsconfig.build.json');
compile('tsconfig.build.json');
cpSync(`${root}/src`, `${root}/dist/src`, { recursive: true, filter: isAsset });
chmodSync(`${root}/dist/src/commands/latchkey.js`, 0o755);
