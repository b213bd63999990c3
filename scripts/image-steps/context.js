// What `docker build` is given: the files of the repository but for those that .dockerignore names.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** @returns {string[]} paths of files */
export function contextOf(root) {
  const { status, stdout, stderr } = spawnSync('git', ['ls-files', '-co', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  const ignored = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n').filter(Boolean).map(patternOf);
  const files = stdout.split('\n').filter(Boolean);
  return files.filter((file) => !ignored.some((pattern) => pattern.test(file)) && existsSync(join(root, file)));
}

/** `*` is within a folder, `**` over folders; what is in an ignored folder is ignored. */
function patternOf(line) {
  const escaped = line.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&');
  const pattern = escaped.replaceAll(/\*\*\/|\*/g, (stars) => (stars === '*' ? '[^/]*' : '(.*/)?'));
  return new RegExp(`^${pattern}(/|$)`);
}
