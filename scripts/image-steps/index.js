// Runs the steps of the Dockerfile, as they are written there, in a clean folder: where Docker is not at hand, this is as near as one comes.
// `node scripts/image-steps/index.js` says how large the image is.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, posix, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { contextOf } from './context.js';
import { commandOf, environmentOf, healthCheckOf, readDockerfile } from './dockerfile.js';
import { bubblewrap, inSandbox, makeBase, makeStage, NODE_USER, roomFor } from './sandbox.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** An estimate of node:24-bookworm-slim, compressed: it cannot be measured without a registry of images. */
const BASE_MEGABYTES = 82;

/** How this machine reaches the registry: no part of the image. */
const NETWORK = {
  npm_config_prefer_offline: 'true',
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) =>
      /^(https?_proxy|no_proxy|NODE_EXTRA_CA_CERTS|npm_config_registry)$/i.test(name),
    ),
  ),
};

/** @returns {boolean} whether the steps can be run here */
export const canRunSteps = () => bubblewrap() !== undefined;

/**
 * @returns {Image} what the steps have made
 * @typedef {{
 *   folder: string,
 *   healthCheck: string[],
 *   command(env: Record<string, string>, command?: string[]): string[],
 *   megabytes(): { added: number, base: number },
 *   remove(): void,
 * }} Image
 */
export function makeImage() {
  const work = mkdtempSync(join(tmpdir(), 'latchkey-image-'));
  try {
    const base = join(work, 'base');
    makeBase(base, fetchNode(work), npmFolder());
    const { stages } = readDockerfile(readFileSync(join(root, 'Dockerfile'), 'utf8'));
    for (const { name, steps } of stages) runStage(work, base, name, steps);
    return imageOf(work, stages.at(-1));
  } catch (error) {
    remove(work);
    throw error;
  }
}

function imageOf(work, { name, steps }) {
  const folder = join(work, name);
  const cwd = workdirOf(steps);
  const env = environmentOf(steps);
  return {
    folder,
    healthCheck: healthCheckOf(steps),
    command: (more, command = commandOf(steps)) =>
      inSandbox({ folder, cwd, env: { ...env, ...more }, readOnly: true, user: NODE_USER }, command),
    megabytes: () => ({ added: megabytesOf(folder), base: BASE_MEGABYTES }),
    remove: () => remove(work),
  };
}

/** As the Dockerfile has it: the arguments that are only given when it is published change nothing but labels. */
function runStage(work, base, name, steps) {
  const folder = join(work, name);
  makeStage(folder, base);
  let cwd = '/';
  for (const [index, { instruction, text }] of steps.entries()) {
    if (instruction === 'WORKDIR') cwd = text;
    if (instruction === 'COPY') copy(work, folder, cwd, text);
    if (instruction === 'RUN') {
      const cache = npm(['config', 'get', 'cache']);
      const env = { ...environmentOf(steps.slice(0, index)), ...NETWORK, npm_config_cache: '/tmp/npm-cache' };
      run(inSandbox({ folder, cwd, env, cache }, ['sh', '-c', text]), `${name}: RUN ${text}`);
    }
  }
}

const workdirOf = (steps) => steps.findLast(({ instruction }) => instruction === 'WORKDIR').text;

/** A folder is copied as what is in it; several sources go into a folder. */
function copy(work, folder, cwd, text) {
  const words = text.split(' ');
  const from = words[0].startsWith('--from=') ? words.shift().slice('--from='.length) : undefined;
  const target = words.pop();
  const into = join(folder, posix.resolve(cwd, target));
  for (const source of words) {
    const found = from ? filesOfStage(join(work, from), source) : filesOfContext(source);
    if (found.length === 0) throw new Error(`COPY ${text}: there is no ${source}`);
    for (const { path, name } of found) {
      cpSync(path, roomFor(target.endsWith('/') && name === '' ? join(into, basename(source)) : join(into, name)), {
        recursive: true,
        verbatimSymlinks: true,
      });
    }
  }
}

const filesOfStage = (stage, source) =>
  existsSync(join(stage, source)) ? [{ path: join(stage, source), name: '' }] : [];

const filesOfContext = (source) =>
  contextOf(root)
    .filter((file) => file === source || file.startsWith(`${source}/`))
    .map((file) => ({ path: join(root, file), name: relative(source, file) }));

/** Node 24 as the npm package "node" has it. */
function fetchNode(work) {
  npm(['install', '--silent', '--no-save', '--prefer-offline', '--prefix', join(work, 'node24'), 'node@24']);
  return join(work, 'node24/node_modules/node/bin/node');
}

const npmFolder = () => join(npm(['root', '--global']), 'npm');

const npm = (args) => run(['npm', ...args], `npm ${args[0]}`).trim();

function run([file, ...args], what) {
  const { error, status, stdout, stderr } = spawnSync(file, args, { encoding: 'utf8', maxBuffer: 100_000_000 });
  if (error) throw error;
  if (status !== 0) throw new Error(`${what} has failed:\n${stdout}${stderr}`);
  return stdout;
}

/** What the steps have added, as Docker stores it: tar and gzip. */
function megabytesOf(folder) {
  const archive = join(dirname(folder), 'added.tar.gz');
  const own = ['app', 'data', 'usr/local/bin/latchkey'];
  run([...rootly(), 'tar', '-czf', archive, '-C', folder, ...own], 'tar');
  return Math.ceil(statSync(archive).size / 1e6);
}

function remove(work) {
  run([...rootly(), 'rm', '-rf', work], 'rm');
  rmSync(work, { recursive: true, force: true });
}

/** Steps run as root, and what they make is root's. */
const rootly = () => (process.getuid() === 0 ? [] : ['sudo', '-n']);

if (process.argv[1] && resolve(process.argv[1]) === import.meta.filename) {
  const image = makeImage();
  const { added, base } = image.megabytes();
  console.log(`${base} MB (base) + ${added} MB = ${base + added} MB, compressed.`);
  image.remove();
}
