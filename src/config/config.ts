import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import type { z } from 'zod';
import type { Logo } from './branding.js';
import type { DatabaseConnection } from './database-url.js';
import { urlOf, type DoorAddress } from './doors.js';
import { addressAt, type MailAddress } from './mail-address.js';
import { LEAST_CONNECTIONS, problemsBetween } from './problems-between.js';
import { openSecretFiles } from './secret-files.js';
import { problemsOfUnknown } from './unknown-variables.js';
import {
  FILE,
  settingNames,
  variables,
  variablesWith,
  type logFormats,
  type logLevels,
  type SessionAlgorithm,
  type Variables,
} from './variables.js';

/**
 * Every setting of Latchkey. Durations are whole seconds, unless they say otherwise. README lists the variables they come from;
 * `databaseConnectTimeout` and `signingKeyBits` have none, and differ in tests only.
 */
export interface Config {
  host: string;
  port: number;
  /** METRICS_PORT and ADMIN_PORT, as far as they are set. */
  otherDoors: DoorAddress[];
  /** Whether Swagger UI and the OpenAPI description are served. */
  docs: boolean;
  /** Where clients reach this server: an absolute URL without a trailing slash. Issuer of tokens, base of links. */
  publicUrl: string;
  /** DATABASE_URL. Absent: the embedded PostgreSQL under `dataDir`. */
  database: DatabaseConnection | undefined;
  /** DATABASE_DIRECT_URL. Absent: `database` keeps sessions. */
  directDatabase: DatabaseConnection | undefined;
  /** Of all workers together. */
  databasePoolSize: number;
  /** How many processes serve. */
  workers: number;
  /** How long a request waits for a connection, in milliseconds. */
  databaseConnectTimeout: number;
  /** Absolute path. */
  dataDir: string;
  /** The current key first, then older ones that are still accepted. Absent: generated and kept in `dataDir`. */
  secretKeys: string[] | undefined;
  /** Of the RSA keys that are made: 128 bits of security (NIST SP 800-57). */
  signingKeyBits: number;
  /** What new keys sign with. Those that there are stay with theirs. */
  sessionAlgorithm: SessionAlgorithm;
  /** How old a key becomes before the next one signs; 0: no schedule. */
  keyRotationDays: number;
  smtpUrl: string | undefined;
  mailFrom: MailAddress;
  /** What visitors see of who runs this server, on pages and in mails. */
  brand: {
    /** Absent: the host of `publicUrl`. */
    name: string | undefined;
    logo: Logo | undefined;
    /** As `#rrggbb`; white text can be read on it. */
    color: string | undefined;
    /** Where visitors find help: https or mailto. */
    supportUrl: string | undefined;
  };
  /** Where accounts are used: where pages lead when they are done. */
  appUrl: string | undefined;
  bcryptCost: number;
  /** How many passwords are hashed at once, each on a thread of its own; of all workers together. */
  hashingThreads: number;
  passwordMinLength: number;
  /** Passwords that nobody may choose: `off`, none; `on`, the most common ones; otherwise the path of a list. */
  passwordBlocklist: string;
  sessionTtl: number;
  refreshTtl: number;
  sessionMaxAge: number;
  /** Whom session JWTs name as their audience beside Latchkey; none: they name no audience. */
  sessionAudience: string[];
  /** How long links in mails are valid, except for invitations and links that undo a change of email. */
  resetTtl: number;
  invitationTtl: number;
  /** How long a password is good that somebody else has chosen for an account; 0: until it is changed. */
  initialPasswordTtl: number;
  /** Maximum age of the last password entry for sensitive actions, in seconds; 0: no limit. */
  reauthenticateAfter: number;
  /** Whether a change of a password by its holder always wants the current one. */
  requireCurrentPassword: boolean;
  userTokenTtl: number;
  /** How old a user token may become, whatever its expiration; null: as old as it will. */
  userTokenMaxTtl: number | null;
  appTokenTtl: number;
  oauthTokenTtl: number;
  /** How many tokens, and how many sessions, a process remembers as valid. */
  cacheSize: number;
  /** How long expired and revoked tokens are kept. */
  tokenRetention: number;
  identificationTtl: number;
  /** How long after a sign-in on the WAYF page its visitor may come back. */
  wayfReturnTtl: number;
  /** How long the audit log is kept. */
  auditRetention: number;
  /** Secret of the HMAC suffix that gateways verify offline. Absent: new tokens have no suffix. */
  apiTokenHmacSecret: string | undefined;
  /** With which another service hashed the API tokens that are imported from it. */
  apiTokenBcryptSalt: string | undefined;
  /** What the routes that issue API tokens require: an App-Token with the scope `frontend`, or nothing. */
  frontendAuth: 'app-token' | 'none';
  /** Who can create accounts: anyone; admins, with invitations; admins, without invitations. */
  signup: 'open' | 'invite' | 'closed';
  /** Whether an email has to be verified before its account can sign in. */
  emailVerification: 'off' | 'required';
  loginMaxFailures: number;
  loginFailureWindow: number;
  /** In a row, of one account, from where it is not known; 0: no limit. */
  loginMaxUnknownFailures: number;
  /** 0: no limit. */
  rateLimitPerMinute: number;
  /** How often an account may write; 0: no limit. */
  writeLimitPerMinute: number;
  /** Live ones. One more is refused. */
  maxAppTokensPerAccount: number;
  /** Live ones; and so many user tokens. One more ends the one that was used the longest time ago. */
  maxSessionsPerAccount: number;
  /** Live ones. One more ends the oldest. */
  maxResetsPerAccount: number;
  /** In a day. */
  maxMailsPerAddress: number;
  /** `false`, a number of hops, or a list of networks: what Fastify's `trustProxy` takes. */
  trustProxy: false | number | string[];
  corsOrigins: string[];
  logLevel: LogLevel;
  logFormat: (typeof logFormats)[number];
  /** For how long the server goes on serving after it was told to stop. */
  shutdownDelay: number;
  /** What the largest bodies may have, in bytes: those of the routes that take large ones. */
  bodyLimit: number;
  runMigrations: boolean;
  bootstrap: {
    adminEmail: string | undefined;
    adminPassword: string | undefined;
    appToken: string | undefined;
    clientId: string | undefined;
    clientSecret: string | undefined;
  };
}

export const CONFIG = Symbol('CONFIG');

export type LogLevel = (typeof logLevels)[number];

/** Names each invalid variable and what it must be, one per line, and never its value. */
export class ConfigError extends Error {
  constructor(readonly problems: string[]) {
    super(`Invalid configuration:\n${problems.map((line) => `  ${line}`).join('\n')}`);
  }
}

type Environment = Record<string, string | undefined>;

/** The variables that are set; an empty one counts as absent. */
const presentIn = (env: Environment): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== ''),
  );

/**
 * @returns the variables with the secrets of today in them, in place of the files that have them: these may change
 * @throws ConfigError when one cannot be read
 */
export function withSecrets(env: Environment): Record<string, string> {
  const { values, problems } = openSecretFiles(presentIn(env));
  if (problems.length > 0) throw new ConfigError(problems);
  return values;
}

/**
 * Reads and checks every variable in one pass, and the files that hold secrets.
 *
 * @param env the process environment; an empty variable counts as absent
 * @throws ConfigError that names every invalid variable
 */
export function loadConfig(env: Environment): Config {
  const present = presentIn(env);
  const { values, fromFiles, problems: unread } = openSecretFiles(present);
  const authority = variables.shape.DATABASE_CA_FILE.safeParse(values.DATABASE_CA_FILE).data;
  const parsed = variablesWith(authority).safeParse(values);
  const issues = parsed.error?.issues ?? [];
  const problems = [...unread, ...issues.map((issue) => problemOf(issue, fromFiles))];
  // Without what could not be read, much would seem to be missing.
  if (unread.length === 0) problems.push(...problemsBetween(values));
  problems.push(...problemsOfUnknown(present, settingNames));
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);
  return assemble(parsed.data);
}

function problemOf(issue: z.core.$ZodIssue, fromFiles: Set<string>): string {
  const name = issue.path.join('.');
  return `${name}${fromFiles.has(name) ? `${FILE} names a file whose content` : ''} ${plainMessage(issue)}`;
}

/** For a union zod only reports "Invalid input"; the message of its last member names all choices. */
function plainMessage(issue: z.core.$ZodIssue): string {
  return issue.code === 'invalid_union' ? (issue.errors.at(-1)?.at(0)?.message ?? issue.message) : issue.message;
}

const workersOf = (setting: Variables['WEB_CONCURRENCY']) => (setting === 'auto' ? availableParallelism() : setting);

/** @returns the part of a whole number that a worker has, of those from 1 on */
export function shareOf(whole: number, workers: number, number: number): number {
  return Math.floor(whole / workers) + (number <= whole % workers ? 1 : 0);
}

function otherDoors({ HOST, METRICS_PORT, METRICS_HOST, ADMIN_PORT, ADMIN_HOST }: Variables): DoorAddress[] {
  const at = (door: DoorAddress['door'], port: number | undefined, host = HOST): DoorAddress[] =>
    port === undefined ? [] : [{ door, host, port }];
  return [...at('metrics', METRICS_PORT, METRICS_HOST), ...at('admin', ADMIN_PORT, ADMIN_HOST)];
}

function assemble(values: Variables): Config {
  const { HOST: host, PORT: port } = values;
  const publicUrl = (values.PUBLIC_URL ?? urlOf({ host, port })).replace(/\/+$/, '');
  return {
    publicUrl,
    ...listening(values),
    ...running(values),
    ...storage(values),
    ...keys(values),
    ...mailsAndPages(values, publicUrl),
    ...passwords(values),
    ...lifetimes(values),
    ...tokens(values),
    ...signingUpAndIn(values),
    ...limits(values),
    bootstrap: {
      adminEmail: values.BOOTSTRAP_ADMIN_EMAIL,
      adminPassword: values.BOOTSTRAP_ADMIN_PASSWORD,
      appToken: values.BOOTSTRAP_APP_TOKEN,
      clientId: values.BOOTSTRAP_CLIENT_ID,
      clientSecret: values.BOOTSTRAP_CLIENT_SECRET,
    },
  };
}

const listening = (values: Variables) => ({
  host: values.HOST,
  port: values.PORT,
  otherDoors: otherDoors(values),
  docs: values.DOCS === 'on',
  trustProxy: values.TRUST_PROXY,
  corsOrigins: values.CORS_ORIGINS,
  bodyLimit: values.BODY_LIMIT,
});

const running = (values: Variables) => ({
  workers: workersOf(values.WEB_CONCURRENCY),
  logLevel: values.LOG_LEVEL,
  logFormat: values.LOG_FORMAT,
  shutdownDelay: values.SHUTDOWN_DELAY,
});

const storage = (values: Variables) => ({
  database: values.DATABASE_URL,
  directDatabase: values.DATABASE_DIRECT_URL,
  databasePoolSize: values.DATABASE_POOL_SIZE ?? Math.max(10, LEAST_CONNECTIONS * workersOf(values.WEB_CONCURRENCY)),
  databaseConnectTimeout: 1_000,
  runMigrations: values.RUN_MIGRATIONS === 'true',
  dataDir: resolve(values.DATA_DIR),
  cacheSize: values.CACHE_SIZE,
});

const keys = (values: Variables) => ({
  secretKeys: values.SECRET_KEY,
  signingKeyBits: 3_072,
  sessionAlgorithm: values.SESSION_ALGORITHM,
  keyRotationDays: values.KEY_ROTATION_DAYS,
});

const mailsAndPages = (values: Variables, publicUrl: string) => ({
  smtpUrl: values.SMTP_URL,
  mailFrom: values.MAIL_FROM ?? { name: 'Latchkey', address: addressAt('no-reply', new URL(publicUrl).hostname) },
  brand: {
    name: values.BRAND_NAME,
    logo: values.BRAND_LOGO,
    color: values.BRAND_COLOR,
    supportUrl: values.SUPPORT_URL,
  },
  appUrl: values.APP_URL,
});

const passwords = (values: Variables) => ({
  bcryptCost: values.BCRYPT_COST,
  // One core is the event loop's.
  hashingThreads: values.HASHING_THREADS ?? Math.max(1, availableParallelism() - 1),
  passwordMinLength: values.PASSWORD_MIN_LENGTH,
  passwordBlocklist: values.PASSWORD_BLOCKLIST,
  initialPasswordTtl: values.INITIAL_PASSWORD_TTL,
  requireCurrentPassword: values.REQUIRE_CURRENT_PASSWORD === 'on',
  reauthenticateAfter: values.REAUTHENTICATE_AFTER,
});

const lifetimes = (values: Variables) => ({
  sessionTtl: values.SESSION_TTL,
  refreshTtl: values.REFRESH_TTL,
  sessionMaxAge: values.SESSION_MAX_AGE,
  resetTtl: values.RESET_TTL,
  invitationTtl: values.INVITATION_TTL,
  userTokenTtl: values.USER_TOKEN_TTL,
  userTokenMaxTtl: values.USER_TOKEN_MAX_TTL ?? null,
  appTokenTtl: values.APP_TOKEN_TTL,
  oauthTokenTtl: values.OAUTH_TOKEN_TTL,
  tokenRetention: values.TOKEN_RETENTION,
  identificationTtl: values.IDENTIFICATION_TTL,
  wayfReturnTtl: values.WAYF_RETURN_TTL,
  auditRetention: values.AUDIT_RETENTION,
});

const tokens = (values: Variables) => ({
  sessionAudience: values.SESSION_AUDIENCE,
  apiTokenHmacSecret: values.API_TOKEN_HMAC_SECRET,
  apiTokenBcryptSalt: values.API_TOKEN_BCRYPT_SALT,
  frontendAuth: values.FRONTEND_AUTH,
});

const signingUpAndIn = (values: Variables) => ({
  signup: values.SIGNUP,
  emailVerification: values.EMAIL_VERIFICATION,
  loginMaxFailures: values.LOGIN_MAX_FAILURES,
  loginFailureWindow: values.LOGIN_FAILURE_WINDOW,
  loginMaxUnknownFailures: values.LOGIN_MAX_UNKNOWN_FAILURES,
});

const limits = (values: Variables) => ({
  rateLimitPerMinute: values.RATE_LIMIT_PER_MINUTE,
  writeLimitPerMinute: values.WRITE_LIMIT_PER_MINUTE,
  maxAppTokensPerAccount: values.MAX_APP_TOKENS_PER_ACCOUNT,
  maxSessionsPerAccount: values.MAX_SESSIONS_PER_ACCOUNT,
  maxResetsPerAccount: values.MAX_RESETS_PER_ACCOUNT,
  maxMailsPerAddress: values.MAX_MAILS_PER_ADDRESS,
});
