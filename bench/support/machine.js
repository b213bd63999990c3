import { execFileSync } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { availableParallelism, cpus, loadavg, release, tmpdir, totalmem, type } from 'node:os';

/** What the file system of a folder is, such as ext4. */
function fileSystem(folder) {
  try {
    return execFileSync('stat', ['-f', '-c', '%T', folder], { encoding: 'utf8' }).trim();
  } catch {
    return 'an unknown file system';
  }
}

const commitOf = (folder) => {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: folder, encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
};

/** The load before the run, as others see it. */
const loadAtStart = loadavg()[0];

/** Half the cores: what has just ended, such as a build, still counts in it. */
const QUIET = availableParallelism() / 2;

/** The machine in words. @param main where the build is that was measured */
export function describeMachine({ version, settings }, nodes, main = fileURLToPath(import.meta.url)) {
  const gib = Math.round(totalmem() / 2 ** 30);
  const postgres = /PostgreSQL [\d.]+\w*/.exec(version)?.[0] ?? version;
  const set = Object.entries(settings).map(([name, value]) => `\`${name}=${value}\``);
  return [
    `Measured on ${new Date().toISOString().slice(0, 10)} at commit ${commitOf(dirname(main))}, on ${availableParallelism()} cores (${cpus()[0].model}), ${gib} GiB of memory, ${type()} ${release()}, data on ${fileSystem(process.env.BENCH_DIR ?? tmpdir())}.`,
    `Node.js ${nodes.map((node) => node.version).join(' and ')}; ${postgres} with ${set.join(', ')}, on the same machine, as is the load.`,
    `The load average was ${loadAtStart.toFixed(2)} when the run began${loadAtStart > QUIET ? ': **the machine was busy with other work, so these figures are for trying only**' : ''}.`,
  ].join('\n');
}
