import { z } from 'zod';
import { LONGEST_PASSWORD, problemOfPassword } from './password-text.js';
import {
  text,
  hostName,
  wholeNumber,
  urlWith,
  isDecodable,
  databaseUrl,
  certificates,
  list,
  isReadableFile,
  isNetwork,
  isAudience,
  WEB_CONCURRENCY_RULE,
  seconds,
  mailAddress,
  logo,
  color,
  BCRYPT_SALT,
  secretKey,
  secret,
} from './variable-rules.js';

/** What session JWTs can be signed with (RFC 7518 section 3.1): RSA keys do for each. */
export const sessionAlgorithms = ['RS512', 'PS512'] as const;
export type SessionAlgorithm = (typeof sessionAlgorithms)[number];

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
/** `auto` is `pretty` on a terminal, and `json` elsewhere. */
export const logFormats = ['auto', 'json', 'pretty'] as const;

const databaseUrls = (authority?: string) => ({
  DATABASE_URL: secret(databaseUrl(authority).optional()),
  DATABASE_DIRECT_URL: secret(databaseUrl(authority).optional()),
});

/** The variables. Messages say what a variable must be, and never contain its value. */
export const variables = z.object({
  HOST: hostName.default('127.0.0.1'),
  PORT: wholeNumber(0, 65_535).default(3000),
  METRICS_PORT: wholeNumber(0, 65_535).optional(),
  METRICS_HOST: hostName.optional(),
  ADMIN_PORT: wholeNumber(0, 65_535).optional(),
  ADMIN_HOST: hostName.optional(),
  DOCS: z.enum(['on', 'off'], 'must be on or off').default('on'),
  PUBLIC_URL: urlWith(['http:', 'https:'])
    .refine((value) => !/[?#@]/.test(value), 'must not contain a user, a query or a fragment')
    .optional(),
  ...databaseUrls(),
  DATABASE_CA_FILE: certificates.optional(),
  DATABASE_POOL_SIZE: wholeNumber(2, 1000).optional(),
  WEB_CONCURRENCY: z
    .union([wholeNumber(1, 64, WEB_CONCURRENCY_RULE), z.literal('auto', WEB_CONCURRENCY_RULE)])
    .default(1),
  DATA_DIR: text('must be a path').default('.latchkey'),
  SECRET_KEY: secret(secretKey.optional()),
  SMTP_URL: secret(urlWith(['smtp:', 'smtps:']).optional()),
  MAIL_FROM: mailAddress.optional(),
  BRAND_NAME: z
    .string()
    .regex(/^\P{Cc}{1,60}$/u, 'must be 1 to 60 characters on one line')
    .optional(),
  BRAND_LOGO: logo.optional(),
  BRAND_COLOR: color.optional(),
  SUPPORT_URL: z
    .string()
    .refine(
      (value) => URL.canParse(value) && ['https:', 'mailto:'].includes(new URL(value).protocol),
      'must be a URL that starts with https:// or mailto:',
    )
    .refine(isDecodable, 'must be a URL in which each % begins an escape, such as %20')
    .optional(),
  APP_URL: urlWith(['http:', 'https:']).optional(),
  BCRYPT_COST: wholeNumber(4, 20).default(12),
  HASHING_THREADS: wholeNumber(1, 256).optional(),
  PASSWORD_MIN_LENGTH: wholeNumber(1, LONGEST_PASSWORD).default(7),
  PASSWORD_BLOCKLIST: z
    .string()
    .refine(
      (value) => ['off', 'on'].includes(value) || isReadableFile(value),
      'must be off, on or the path of a readable file',
    )
    .default('off'),
  SESSION_TTL: seconds(86_400),
  REFRESH_TTL: seconds(2_592_000),
  SESSION_MAX_AGE: seconds(7_776_000),
  SESSION_AUDIENCE: list(
    'must be a comma-separated list of at most ten names, such as https://api.example.org; what has a colon must be a URI',
    isAudience,
  )
    .refine((items) => items.length <= 10, 'must have at most ten names')
    .default([]),
  SESSION_ALGORITHM: z.enum(sessionAlgorithms, `must be ${sessionAlgorithms.join(' or ')}`).default('RS512'),
  KEY_ROTATION_DAYS: wholeNumber(0, 3_650).default(90),
  RESET_TTL: seconds(3_600),
  INITIAL_PASSWORD_TTL: wholeNumber(0, 9_999_999_999).default(0),
  INVITATION_TTL: seconds(604_800),
  USER_TOKEN_TTL: seconds(86_400),
  REQUIRE_CURRENT_PASSWORD: z.enum(['off', 'on'], 'must be off or on').default('off'),
  REAUTHENTICATE_AFTER: wholeNumber(0, 9_999_999_999).default(0),
  USER_TOKEN_MAX_TTL: wholeNumber(1, 9_999_999_999).optional(),
  APP_TOKEN_TTL: seconds(6_311_520_000),
  OAUTH_TOKEN_TTL: seconds(3_600),
  CACHE_SIZE: wholeNumber(1, 10_000_000).default(100_000),
  TOKEN_RETENTION: seconds(7_776_000),
  IDENTIFICATION_TTL: seconds(2_592_000),
  WAYF_RETURN_TTL: seconds(600),
  AUDIT_RETENTION: seconds(63_072_000, 86_400),
  SIGNUP: z.enum(['open', 'invite', 'closed'], 'must be open, invite or closed').default('open'),
  EMAIL_VERIFICATION: z.enum(['off', 'required'], 'must be off or required').default('off'),
  API_TOKEN_HMAC_SECRET: secret(z.string().max(1_024, 'must be at most 1024 characters').optional()),
  API_TOKEN_BCRYPT_SALT: secret(
    z
      .string()
      .regex(BCRYPT_SALT, 'must be a salt of bcrypt with its cost, such as $2a$10$ and 22 characters')
      .optional(),
  ),
  FRONTEND_AUTH: z.enum(['app-token', 'none'], 'must be app-token or none').default('app-token'),
  LOGIN_MAX_FAILURES: wholeNumber(1, 1_000_000).default(10),
  LOGIN_FAILURE_WINDOW: seconds(900),
  LOGIN_MAX_UNKNOWN_FAILURES: wholeNumber(0, 1_000_000).default(0),
  RATE_LIMIT_PER_MINUTE: wholeNumber(0, 1_000_000).default(120),
  WRITE_LIMIT_PER_MINUTE: wholeNumber(0, 1_000_000).default(600),
  MAX_APP_TOKENS_PER_ACCOUNT: wholeNumber(1, 1_000_000).default(1_000),
  MAX_SESSIONS_PER_ACCOUNT: wholeNumber(1, 1_000_000).default(1_000),
  MAX_RESETS_PER_ACCOUNT: wholeNumber(1, 1_000).default(5),
  MAX_MAILS_PER_ADDRESS: wholeNumber(1, 1_000_000).default(50),
  TRUST_PROXY: z
    .union([wholeNumber(1, 100), list('must be a number of hops or a comma-separated list of networks', isNetwork)])
    .optional()
    .transform((value): false | number | string[] => value ?? false),
  CORS_ORIGINS: list(
    'must be a comma-separated list of origins, such as https://app.example.org',
    (item) => URL.canParse(item) && new URL(item).origin === item,
  ).default([]),
  LOG_LEVEL: z.enum(logLevels, `must be one of ${logLevels.join(', ')}`).default('info'),
  LOG_FORMAT: z.enum(logFormats, 'must be auto, json or pretty').default('auto'),
  SHUTDOWN_DELAY: wholeNumber(0, 3_600).default(5),
  BODY_LIMIT: wholeNumber(1_024, 104_857_600).default(1_048_576),
  RUN_MIGRATIONS: z.enum(['true', 'false'], 'must be true or false').default('true'),
  BOOTSTRAP_ADMIN_EMAIL: z.email('must be an email address').max(254, 'must be an email address').optional(),
  BOOTSTRAP_ADMIN_PASSWORD: secret(
    z
      .string()
      .check(({ value, issues }) => {
        const problem = problemOfPassword(value, 1);
        if (problem !== undefined) issues.push({ code: 'custom', message: problem, input: '' });
      })
      .optional(),
  ),
  BOOTSTRAP_APP_TOKEN: secret(
    z
      .string()
      .regex(/^[0-9a-f]{32}$/, 'must be 32 lowercase hexadecimal characters')
      .optional(),
  ),
  BOOTSTRAP_CLIENT_ID: z
    .string()
    .regex(/^[\w.-]{1,100}$/, 'must be 1 to 100 letters, digits, dots, hyphens and underscores')
    .optional(),
  BOOTSTRAP_CLIENT_SECRET: secret(
    z
      .string()
      .regex(
        /^[\x21-\x24\x26-\x2a\x2c-\x7e]{32,200}$/,
        'must be 32 to 200 printable characters without spaces, + and %',
      )
      .optional(),
  ),
});

/** The same, where URLs of databases mean these authorities if they name none. */
export const variablesWith = (authority: string | undefined) => variables.extend(databaseUrls(authority));

export type Variables = z.infer<typeof variables>;

/** What a variable is when it is not set, as far as that is the same everywhere. */
export const defaults: Variables = variables.parse({});

/** What follows the name of a secret in the variable that names its file. */
export const FILE = '_FILE';

/** The variables that hold secrets. For each of them, `<NAME>_FILE` may name a file that has it. */
export const secretVariables: readonly string[] = Object.entries(variables.shape)
  .filter(([, schema]) => schema.meta()?.isSecret === true)
  .map(([name]) => name);

/** The names of all settings, those of files with them. */
export const settingNames: readonly string[] = [
  ...Object.keys(variables.shape),
  ...secretVariables.map((name) => `${name}${FILE}`),
];
