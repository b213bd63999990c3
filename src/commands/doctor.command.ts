import { ConfigError, loadConfig, type Config } from '../config/config.js';
import type { DatabaseAccess } from '../database/connection.js';
import { withoutPooler } from '../database/connection.js';
import type { DatabaseConnection } from '../config/database-url.js';
import { remedyOf, type DatabaseVariable } from '../database/connection-problems.js';
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
  checkWritable,
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
    : `${findings.map(lineOf).join('')}\n${failures} failed, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}, ${findings.length - failures - warnings} ok.\n`;
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

const lookAt = (variable: DatabaseVariable) =>
  `Check the host, the user and the password in ${variable}, and whether the database accepts connections from this machine.`;

async function examineDatabase(config: Config, { connection }: Database, signal: AbortSignal): Promise<Finding[]> {
  const { directDatabase } = config;
  const variable = directDatabase ? 'DATABASE_DIRECT_URL' : 'DATABASE_URL';
  const reached = await guarded(
    'database',
    () =>
      withClient(directDatabase ?? connection, async (client) => [
        ok('database', 'It accepts connections.'),
        ...(await checkServer(client, config)),
        await checkWritable(client, variable),
        await checkPrivileges(client, config),
        await checkMigrations(client),
        await checkClock(client),
        await checkDisk(client, config),
      ]),
    adviceOn(directDatabase ?? connection, config.database && variable),
  );
  signal.throwIfAborted();
  if (hasFailed('database', reached)) return reached;
  const found = directDatabase ? merged(reached, await examinePooler(config, connection)) : reached;
  if (hasFailed('pooler', found) || hasFailed('writable', found)) return found;
  let access: DatabaseAccess;
  try {
    access = config.database ? await inspectAccess(config.database, config.directDatabase) : withoutPooler(connection);
  } catch (error) {
    return [
      ...found,
      failure('pooler', messageOf(error), 'Do what it says; docs/operations.md has what each kind of pooler needs.'),
    ];
  }
  const isMigrated = !hasFailed('migrations', found);
  return [...found, ...checkAccess(access), ...(isMigrated ? await ofContent(config, access) : [])];
}

const hasFailed = (wanted: string, findings: Finding[]) =>
  findings.some(({ check, state }) => check === wanted && state === 'failure');

const adviceOn = (connection: DatabaseConnection, variable: DatabaseVariable | undefined) => (error: unknown) =>
  (error instanceof Error ? remedyOf(error, connection, variable) : undefined) ?? lookAt(variable ?? 'DATABASE_URL');

/**
 * What is done on the way of most requests, where DATABASE_DIRECT_URL is another one: with its own role and settings.
 *
 * @param connection of DATABASE_URL
 * @returns what is wrong with it
 */
async function examinePooler(config: Config, connection: DatabaseConnection): Promise<Finding[]> {
  const found = await guarded(
    'pooler',
    () =>
      withClient(connection, async (client) => [
        ...(await checkServer(client, config)),
        await checkWritable(client, 'DATABASE_URL'),
        await checkPrivileges(client, { ...config, runMigrations: false }),
      ]),
    adviceOn(connection, 'DATABASE_URL'),
  );
  return found.filter(({ state }) => state === 'failure');
}

/** @returns both, without what the second contradicts */
const merged = (findings: Finding[], failures: Finding[]) => [
  ...findings.filter(({ check, state }) => state === 'failure' || !hasFailed(check, failures)),
  ...failures.filter(({ check }) => !hasFailed(check, findings)),
];

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

const MARKS = { ok: '  ok  ', warning: ' WARN ', failure: ' FAIL ' };

const lineOf = ({ check, state, message, advice }: Finding) =>
  `${MARKS[state]} ${check}: ${message}${advice === undefined ? '' : `\n        → ${advice}`}\n`;
