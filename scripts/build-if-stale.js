// Builds unless the last build is newer than everything it was made from.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const built = `${root}/dist/tsconfig.build.tsbuildinfo`;
const sources = ['src', 'migrations'].flatMap((folder) =>
  readdirSync(`${root}/${folder}`, { recursive: true }).map((file) => `${folder}/${file}`),
);
const inputs = ['src', 'migrations', ...sources, 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];
const newest = Math.max(...inputs.map((file) => statSync(`${root}/${file}`).mtimeMs));
if (!existsSync(built) || statSync(built).mtimeMs < newest) {
  execFileSync(process.execPath, [`${root}/node_modules/@nestjs/cli/bin/nest.js`, 'build'], {
    cwd: root,
    stdio: 'inherit',
  });
}
