// A container without Docker: bubblewrap shows this machine's Debian read-only, and Node 24, as the base of the image is. What the
// steps make is in a folder for each stage, at the paths that the image has.
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Who `node` is in the image. */
export const NODE_USER = 1000;

/** The places that may differ from the base: the only ones that steps can write to. */
const PLACES = ['/app', '/data', '/usr/local'];
const ACCOUNTS = {
  passwd: 'root:x:0:0::/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n',
  group: 'root:x:0:\nnode:x:1000:\n',
};

/** @returns {string[]} how bubblewrap is called, which needs root to become somebody else; undefined: it cannot be */
export function bubblewrap() {
  const ways = process.getuid() === 0 ? [['bwrap']] : [['sudo', '-n', 'bwrap']];
  return ways.find(
    ([file, ...args]) => spawnSync(file, [...args, '--ro-bind', '/', '/', 'true'], { stdio: 'ignore' }).status === 0,
  );
}

/** Makes the folder of a stage from the base. @param base of {@link makeBase} */
export function makeStage(folder, base) {
  for (const place of PLACES) mkdirSync(join(folder, place), { recursive: true });
  cpSync(base, join(folder, '/usr/local'), { recursive: true, verbatimSymlinks: true });
}

/** Puts Node and npm where the base image has them: /usr/local. */
export function makeBase(folder, node, npm) {
  mkdirSync(join(folder, 'bin'), { recursive: true });
  mkdirSync(join(folder, 'lib/node_modules'), { recursive: true });
  copyFileSync(node, join(folder, 'bin/node'));
  chmodSync(join(folder, 'bin/node'), 0o755);
  cpSync(npm, join(folder, 'lib/node_modules/npm'), { recursive: true, dereference: true });
  const script = '#!/bin/sh\nexec node /usr/local/lib/node_modules/npm/bin/npm-cli.js "$@"\n';
  writeFileSync(join(folder, 'bin/npm'), script, { mode: 0o755 });
  for (const [name, text] of Object.entries(ACCOUNTS)) writeFileSync(join(folder, name), text);
}

/**
 * @param {{ folder: string, cwd: string, env: Record<string, string>, readOnly?: boolean, user?: number, cache?: string }} options
 *   `readOnly`: all but /data and /tmp; `cache`: of npm, which may be written to
 * @returns {string[]} the command line that runs a command in a stage
 */
export function inSandbox({ folder, cwd, env, readOnly = false, user = 0, cache }, command) {
  const etc = (name) => ['--ro-bind', join(folder, '/usr/local', name), `/etc/${name}`];
  const shown = PLACES.flatMap((place) => [
    readOnly && place !== '/data' ? '--ro-bind' : '--bind',
    join(folder, place),
    place,
  ]);
  const links = ['bin', 'sbin', 'lib', 'lib64'].flatMap((name) => ['--symlink', `usr/${name}`, `/${name}`]);
  const variables = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/tmp', ...env };
  return [
    ...bubblewrap(),
    ...['--ro-bind', '/usr', '/usr', '--ro-bind', '/etc', '/etc', ...etc('passwd'), ...etc('group'), ...links],
    ...['--dev', '/dev', '--proc', '/proc', '--perms', '1777', '--tmpfs', '/tmp', ...shown],
    ...(cache && existsSync(cache) ? ['--bind', cache, '/tmp/npm-cache'] : []),
    ...['--unshare-pid', '--die-with-parent', '--chdir', cwd, '--clearenv'],
    ...Object.entries(variables).flatMap(([name, value]) => ['--setenv', name, value]),
    '--',
    ...(user === 0 ? [] : ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups', '--no-new-privs', '--']),
    ...command,
  ];
}

/** Makes the folder in which a file is to be. */
export function roomFor(path) {
  mkdirSync(dirname(path), { recursive: true });
  return path;
}
