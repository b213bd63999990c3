// Builds unless the last build is newer than all of its inputs.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
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
  if (!existsSync(`${root}/node_modules/typescript`)) {
    console.error('The packages are not installed. Run npm ci first.');
    process.exit(1);
  }
  console.error('Building Latchkey, which takes about half a minute. It is done again only after a change.');
  const { status } = spawnSync(process.execPath, [`${root}/scripts/build.js`], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}
