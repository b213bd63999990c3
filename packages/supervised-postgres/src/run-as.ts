import { execFile } from 'node:child_process';
import { userInfo } from 'node:os';
import { promisify } from 'node:util';
import { orElse, type Application } from './application.js';
import { readTextIfExists } from './files.js';

const run = promisify(execFile);

/**
 * How to run PostgreSQL, which refuses to run as root. `self`: as ourselves. `unshare`: in a user namespace that maps
 * us to an ordinary account; the files stay ours. `setuid`: as an ordinary account, which then owns the files.
 */
export type Way = 'self' | 'unshare' | 'setuid';

/** A program and how to start it, for `spawn` and `execFile`. */
export interface Command {
  file: string;
  args: string[];
  options: { cwd: string; env: NodeJS.ProcessEnv; uid?: number; gid?: number };
}

/** How PostgreSQL's programs are run here. */
export interface RunAs {
  way: Way;
  /** The account that runs them, for messages. */
  name: string;
  /** The account that has to own PostgreSQL's files. */
  owner: { uid: number; gid: number };
  command(file: string, args: string[]): Command;
}

interface Account {
  name: string;
  uid: number;
  gid: number;
}

/**
 * Chooses how to run PostgreSQL. For root: in a user namespace or, where that is not allowed, as another account, which
 * is created if necessary. For an ordinary user: as that user. `probe` is a program that is tried with `--version`;
 * `forced` skips the choice. Throws when nothing works for root.
 */
export async function chooseRunAs(app: Application, probe: string, forced?: Way): Promise<RunAs> {
  if (forced !== undefined) return byWay(app, forced);
  if (process.getuid?.() === 0) {
    const unshare = await byUnshare();
    return unshare !== undefined && (await canRun(unshare, probe, ['--version'])) ? unshare : bySetuid(app);
  }
  // `initdb` needs a name for its user, which a container started with a numeric user may lack.
  if (hasName()) return bySelf();
  const unshare = await byUnshare();
  return unshare !== undefined && (await canRun(unshare, probe, ['--version'])) ? unshare : bySelf();
}

/** Whether a command exits with 0 within ten seconds. */
export async function canRun(runAs: RunAs, file: string, args: string[]): Promise<boolean> {
  const command = runAs.command(file, args);
  try {
    await run(command.file, command.args, { ...command.options, timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}

async function byWay(app: Application, way: Way): Promise<RunAs> {
  if (way === 'self') return bySelf();
  if (way === 'setuid') return bySetuid(app);
  const unshare = await byUnshare();
  if (unshare === undefined) throw new Error('There is no ordinary account in /etc/passwd to run PostgreSQL as.');
  return unshare;
}

function bySelf(): RunAs {
  return {
    way: 'self',
    name: 'the user of this process',
    owner: ourselves(),
    command: (file, args) => ({ file, args, options: { ...cleanEnvironment() } }),
  };
}

async function byUnshare(): Promise<RunAs | undefined> {
  const accounts = await ordinaryAccounts();
  const account =
    accounts.find(({ uid }) => uid === 1000) ??
    accounts.find(({ name }) => name === 'postgres') ??
    accounts.find(({ name }) => name === 'nobody') ??
    accounts[0];
  if (account === undefined) return undefined;
  // Without --fork, unshare executes the program in its own process, so that its pid is the one that spawn returns.
  const prefix = ['--user', `--map-user=${account.uid}`, `--map-group=${account.gid}`, '--'];
  return {
    way: 'unshare',
    name: `"${account.name}" in a user namespace`,
    owner: ourselves(),
    command: (file, args) => ({
      file: 'unshare',
      args: [...prefix, file, ...args],
      options: { ...cleanEnvironment() },
    }),
  };
}

async function bySetuid(app: Application): Promise<RunAs> {
  const { name, uid, gid } = (await postgresAccount()) ?? (await makePostgresAccount(app));
  return {
    way: 'setuid',
    name: `the account "${name}"`,
    owner: { uid, gid },
    command: (file, args) => ({ file, args, options: { ...cleanEnvironment(), uid, gid } }),
  };
}

async function makePostgresAccount(app: Application): Promise<Account> {
  let cause: unknown;
  try {
    await run('useradd', ['--system', '--no-create-home', 'postgres'], { timeout: 10_000 });
  } catch (error) {
    cause = error;
  }
  const account = await postgresAccount();
  if (account !== undefined) return account;
  const remedy = `Run ${app.name} as an ordinary user, add an account named "postgres"${orElse(app)}.`;
  throw new Error(`PostgreSQL cannot run as root, and no other account could be used. ${remedy}`, { cause });
}

async function postgresAccount(): Promise<Account | undefined> {
  return (await ordinaryAccounts()).find(({ name }) => name === 'postgres');
}

async function ordinaryAccounts(): Promise<Account[]> {
  const lines = ((await readTextIfExists('/etc/passwd')) ?? '').split('\n').map((line) => line.split(':'));
  return lines
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter(({ name, uid, gid }) => name !== '' && uid > 0 && gid >= 0);
}

function hasName(): boolean {
  try {
    userInfo();
    return true;
  } catch {
    return false;
  }
}

function ourselves(): { uid: number; gid: number } {
  return { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
}

/**
 * Not our own environment, which contains secrets and maybe PG* settings, nor our folder, which may be inaccessible.
 */
function cleanEnvironment(): { cwd: string; env: NodeJS.ProcessEnv } {
  return { cwd: '/', env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' } };
}
