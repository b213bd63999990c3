// Starting and stopping the servers that are measured, each in a process of its own.
import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './start.js';

const BENCH = fileURLToPath(new URL('..', import.meta.url));
const children = new Set();
const folder = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), 'latchkey-bench-logs-'));
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

let started = 0;

/**
 * Starts a server and waits until it answers. What it prints goes to a file, as under a service manager.
 * @param file relative to bench/
 * @param options.node the Node.js that runs it
 */
export async function startProcess(file, env = {}, { node = process.execPath, args = [] } = {}) {
  const port = await freePort();
  const log = join(folder, `${(started += 1)}.log`);
  const output = openSync(log, 'a');
  const child = spawn(node, [...args, resolve(BENCH, file)], {
    // Not the environment of the shell: the settings are those that come with each server.
    env: { PATH: process.env.PATH, HOME: process.env.HOME, NODE_ENV: 'production', ...env, PORT: String(port) },
    stdio: ['ignore', output, output],
  });
  children.add(child);
  child.once('exit', () => children.delete(child));
  const url = `http://127.0.0.1:${port}`;
  while (!(await isReady(url))) {
    if (child.exitCode !== null) throw new Error(`${file} ended with ${child.exitCode}:\n${readFileSync(log, 'utf8')}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { url, pid: child.pid, child, log };
}

/** Whether it answers; servers without that route answer 404. */
async function isReady(url) {
  const answer = await fetch(`${url}/readyz`).catch(() => undefined);
  return answer !== undefined && answer.status !== 503;
}

export async function stopProcess({ child }) {
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
  await ended;
  clearTimeout(timer);
}

/** Stops what a measurement that failed has left. */
export async function stopAll() {
  await Promise.all([...children].map((child) => stopProcess({ child })));
}
