// Runs the server, and recompiles and restarts it on changes. Arguments are passed to Node (--inspect).
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const tsc = join(root, 'node_modules/typescript/bin/tsc');
const main = join(root, 'dist/src/main.js');

seedOnce();
const children = [
  run([tsc, '--watch', '--preserveWatchOutput', '-p', join(root, 'tsconfig.build.json')]),
  run(['--watch', '--watch-preserve-output', '--enable-source-maps', ...process.argv.slice(2), main]),
];
// A terminal sends the signal to the children too; a second one does no harm.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, stop);
for (const child of children) child.on('exit', stop);

/** Seeds the embedded database, unless it has been seeded. */
function seedOnce() {
  const isEmbedded = !process.env.DATABASE_URL;
  if (!isEmbedded || existsSync(join(process.env.DATA_DIR || '.latchkey', 'seed.txt'))) return;
  spawnSync(process.execPath, [join(root, 'dist/src/commands/latchkey.js'), 'seed'], { stdio: 'inherit' });
}

function run(args) {
  // No load balancer has to notice that it starts again.
  return spawn(process.execPath, args, { stdio: 'inherit', env: { SHUTDOWN_DELAY: '0', ...process.env } });
}

/** The watcher exits when the server has, and the server when PostgreSQL has. */
function stop() {
  for (const child of children) if (child.exitCode === null) child.kill('SIGTERM');
}
