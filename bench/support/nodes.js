// The releases of Node.js that are measured: the one of this run, and the other of 20 and 24.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const MAJORS = [20, 24];
const majorOf = (node) => Number(/^v(\d+)/.exec(execFileSync(node, ['--version'], { encoding: 'utf8' }))[1]);

/**
 * NODE20 and NODE24 name the programs; one that is not named is this run's own, or npm's package `node`.
 * NODES=24 measures only that one.
 * @param folder where it is installed
 */
export function findNodes(folder) {
  const wanted = (process.env.NODES ?? MAJORS.join(',')).split(',').map(Number);
  return wanted.map((major) => ({ major, node: process.env[`NODE${major}`] ?? find(major, folder) })).map(check);
}

function find(major, folder) {
  if (majorOf(process.execPath) === major) return process.execPath;
  const prefix = join(folder, `node${major}`);
  execFileSync('npm', ['install', '--silent', '--no-save', '--prefix', prefix, `node@${major}`], { stdio: 'inherit' });
  return join(prefix, 'node_modules/node/bin/node');
}

function check({ major, node }) {
  if (majorOf(node) !== major) throw new Error(`${node} is not Node.js ${major}.`);
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
  return { major, node, version };
}
