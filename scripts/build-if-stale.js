// Builds unless the last build is newer than all of its inputs.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const supervisor = 'packages/supervised-postgres';
// The second one is the last file that a build writes.
const built = [`${supervisor}/dist/index.js`, 'dist/tsconfig.build.tsbuildinfo'].map((file) => `${root}/${file}`);
const folders = ['src', 'migrations', `${supervisor}/src`];
const sources = folders.flatMap((folder) =>
  readdirSync(`${root}/${folder}`, { recursive: true }).map((file) => `${folder}/${file}`),
);
const settings = ['', `${supervisor}/`].flatMap((folder) => [`${folder}tsconfig.json`, `${folder}tsconfig.build.json`]);
const inputs = [...folders, ...sources, ...settings, `${supervisor}/package.json`, 'package-lock.json'];
const newest = Math.max(...inputs.map((file) => statSync(`${root}/${file}`).mtimeMs));
if (!built.every((file) => existsSync(file)) || statSync(built[1]).mtimeMs < newest) {
  const { status } = spawnSync('npm', ['run', 'build'], { cwd: root, stdio: 'inherit' });
  if (status !== 0) {
    // The compiler writes output in spite of errors, which must not count as a build the next time.
    rmSync(built[1], { force: true });
    process.exit(1);
  }
}
