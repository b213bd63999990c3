// Runs the commands in a document against a new server, or, in its folder, against the one that LATCHKEY leads to, and
// compares their output with the document. Blocks that begin with npm or docker are skipped. `latchkey` is the built one.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';

const START_LIMIT = 60_000;
const main = resolve('dist/src/main.js');
const program = resolve('dist/src/commands/latchkey.js');
const running = process.env.LATCHKEY;
const url = running ?? `http://127.0.0.1:${await freePort()}`;
const document = readFileSync(process.argv[2] ?? 'docs/walkthrough.md', 'utf8');
const text = document.replaceAll('http://127.0.0.1:3000', url);
const folder = running ? process.cwd() : mkdtempSync(join(tmpdir(), 'latchkey-walkthrough-'));
if (running) process.exitCode = compare(run());
else await withServer(() => (process.exitCode = compare(run())));

async function withServer(work) {
  const server = spawn(process.execPath, [main], {
    cwd: folder,
    env: { ...process.env, PORT: new URL(url).port },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = new Promise((done) => server.on('exit', done));
  try {
    await ready(server);
    work();
  } finally {
    server.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @returns the blocks of commands with their expected output */
function steps() {
  return [...text.matchAll(/^```bash\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?/gms)]
    .map(([, commands, expected]) => ({ commands, expected }))
    .filter(({ commands }) => !/^(npm|docker) /.test(commands));
}

/** Runs all blocks in one shell. @returns the output of each */
function run() {
  const mark = '\n-- end of a block --\n';
  const script = steps()
    .map(({ commands }) => `${commands}printf '%s' '${mark}'\n`)
    .join('');
  const bin = mkdtempSync(join(tmpdir(), 'latchkey-walkthrough-bin-'));
  writeFileSync(join(bin, 'latchkey'), `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`, { mode: 0o755 });
  const { stdout, stderr, status } = spawnSync('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: folder,
    env: {
      ...process.env,
      PATH: `${bin}${delimiter}${process.env.PATH}`,
      PORT: new URL(url).port,
      LATCHKEY: url,
    },
    encoding: 'utf8',
  });
  rmSync(bin, { recursive: true });
  if (status !== 0) process.stderr.write(stderr);
  return stdout.split(mark);
}

function compare(outputs) {
  const results = steps().map(({ commands, expected }, index) => {
    const output = outputs[index];
    const good = outputs.length > index + 1 && (expected === undefined || matches(output.trim(), expected.trim()));
    if (!good) console.error(`Commands:\n${commands}\nExpected:\n${expected ?? '(success)'}\nPrinted:\n${output}`);
    return good;
  });
  console.log(`${results.filter(Boolean).length} of ${results.length} steps succeeded.`);
  return results.every(Boolean) && results.length > 0 ? 0 : 1;
}

function matches(output, expected) {
  const pattern = expected
    .split('…')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${pattern}$`).test(output.replaceAll('\r', ''));
}

async function ready(server) {
  for (const deadline = Date.now() + START_LIMIT; ;) {
    const answer = await fetch(`${url}/readyz`).catch(() => undefined);
    if (answer?.ok) return;
    if (server.exitCode !== null || Date.now() > deadline) throw new Error('The server did not start.');
    await new Promise((done) => setTimeout(done, 200));
  }
}

function freePort() {
  return new Promise((done) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}
