import { ConfigError, loadConfig, type Config } from '../config/config.js';
import type { DatabaseAccess } from '../database/connection.js';
import { withoutPooler } from '../database/connection.js';
import { remedyOf } from '../database/connection-problems.js';
import { inspectAccess } from '../database/pooler.js';
import { createLogger } from '../logging/logger.js';
import type { Database } from '../start.js';
import { createContext, openOrJoin } from './command-context.js';
import {
  checkAccess,
  checkClock,
  checkDisk,
  checkMigrations,
  checkPrivileges,
  checkServer,
  withClient,
} from './doctor-database.js';
import {
  checkAdmins,
  checkDatabaseTls,
  checkHardening,
  checkKeys,
  checkMail,
  checkMailQueue,
  checkPublicUrl,
  guarded,
} from './doctor-others.js';
import { checkSecretFiles } from './doctor-secrets.js';
import { checkTraces } from './doctor-traces.js';
import { failure, messageOf, ok, type Finding } from './doctor.finding.js';
import { EXIT, json, type Ending } from './running.js';

export interface DoctorOptions {
  sendTestMail?: string;
  json?: boolean;
}

/** The command that says what is wrong, and what to do about it. It changes nothing. */
export async function examine(signal: AbortSignal, options: DoctorOptions): Promise<Ending> {
  const findings = await findingsOf(signal, options);
  const failures = findings.filter(({ state }) => state === 'failure').length;
  const warnings = findings.filter(({ state }) => state === 'warning').length;
  const text = options.json
    ? json({ ok: failures === 0, failures, warnings, findings })
    : `${findings.map(lineOf).join('')}\n${failures} failed, ${warnings} to look at, ${findings.length - failures - warnings} fine.\n`;
  return { text, code: failures > 0 ? EXIT.failed : EXIT.done };
}

async function findingsOf(signal: AbortSignal, { sendTestMail }: DoctorOptions): Promise<Finding[]> {
  let config: Config;
  try {
    config = loadConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((problem) =>
      failure('configuration', `${problem}.`, 'Correct the variable; README has all of them.'),
    );
  }
  const mail = await guarded('mail', () => checkMail(config, sendTestMail), 'Correct SMTP_URL.');
  signal.throwIfAborted();
  return [
    ok('configuration', 'Every variable can be read.'),
    checkSecretFiles(process.env),
    checkPublicUrl(config),
    ...(await checkTraces(process.env)),
    ...checkDatabaseTls(config),
    ...(await ofDatabase(config, signal)),
    ...mail,
    ...checkHardening(config),
  ];
}

async function ofDatabase(config: Config, signal: AbortSignal): Promise<Finding[]> {
  const logger = createLogger('error', process.stderr);
  let database: Database;
  try {
    ({ database } = await openOrJoin(config, logger));
  } catch (error) {
    return [failure('database', messageOf(error), 'See what the server logs when it starts.')];
  }
  try {
    return await examineDatabase(config, database, signal);
  } finally {
    await database.stop();
  }
}

const LOOK_AT_THE_URL =
  'Look at the host, the user and the password in DATABASE_URL, and whether the database lets this machine in.';

async function examineDatabase(config: Config, { connection }: Database, signal: AbortSignal): Promise<Finding[]> {
  const adviceOn = (error: unknown) => {
    const variable = config.directDatabase ? 'DATABASE_DIRECT_URL' : config.database && 'DATABASE_URL';
    const known = error instanceof Error ? remedyOf(error, config.directDatabase ?? connection, variable) : undefined;
    return known ?? LOOK_AT_THE_URL;
  };
  const reached = await guarded(
    'database',
    () =>
      withClient(config.directDatabase ?? connection, async (client) => [
        ok('database', 'It takes connections.'),
        ...(await checkServer(client, config)),
        await checkPrivileges(client, config),
        await checkMigrations(client),
        await checkClock(client),
        await checkDisk(client, config),
      ]),
    adviceOn,
  );
  signal.throwIfAborted();
  if (reached.some(({ check, state }) => check === 'database' && state === 'failure')) return reached;
  let access: DatabaseAccess;
  try {
    access = config.database ? await inspectAccess(config.database, config.directDatabase) : withoutPooler(connection);
  } catch (error) {
    return [
      ...reached,
      failure('pooler', messageOf(error), 'Do what it says; docs/operations.md has what each kind of pooler needs.'),
    ];
  }
  const isMigrated = reached.some(({ check, state }) => check === 'migrations' && state !== 'failure');
  return [...reached, ...checkAccess(access), ...(isMigrated ? await ofContent(config, access) : [])];
}

/** What can only be looked at where the schema is there. */
async function ofContent(config: Config, access: DatabaseAccess): Promise<Finding[]> {
  return guarded(
    'keys',
    async () => {
      const context = await createContext({ config, access, logger: createLogger('error', process.stderr) }, []);
      try {
        return [...(await checkKeys(context, config)), await checkAdmins(context), await checkMailQueue(context)];
      } finally {
        await context.close();
      }
    },
    'Give the command the SECRET_KEY of the servers, with old ones behind it.',
  );
}

const MARKS = { ok: '  ok  ', warning: ' LOOK ', failure: ' FAIL ' };

const lineOf = ({ check, state, message, advice }: Finding) =>
  `${MARKS[state]} ${check}: ${message}${advice === undefined ? '' : `\n        → ${advice}`}\n`;
