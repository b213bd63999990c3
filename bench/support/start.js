import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const main = process.env.LATCHKEY_MAIN ?? fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));

/** Calls `work` with a new data directory, and removes it afterwards. */
export async function inDataDir(work) {
  const dataDir = await mkdtemp(join(process.env.BENCH_DIR ?? tmpdir(), 'latchkey-bench-'));
  try {
    return await work(dataDir);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** Starts the built server. `ready` is how long it took to answer /readyz, in milliseconds. */
export async function startServer(dataDir, env = {}) {
  const port = await freePort();
  const begun = performance.now();
  const child = spawn(process.execPath, [main], {
    env: { ...process.env, DATA_DIR: dataDir, PORT: String(port), LOG_LEVEL: 'warn', ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const url = `http://127.0.0.1:${port}`;
  while (!(await isReady(url))) {
    if (child.exitCode !== null) throw new Error(`The server exited with code ${child.exitCode}.`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const ready = performance.now() - begun;
  const stop = async () => {
    const begunStopping = performance.now();
    child.kill('SIGTERM');
    await new Promise((resolve) => child.once('exit', resolve));
    return performance.now() - begunStopping;
  };
  return { url, ready, stop };
}

async function isReady(url) {
  try {
    return (await fetch(`${url}/readyz`)).ok;
  } catch {
    return false;
  }
}

export function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
