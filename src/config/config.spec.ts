import { randomBytes, randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';

import { ConfigError, loadConfig } from './config.js';
import { isPattern } from './secret-key.js';
import { problemsOfUnknown } from './unknown-variables.js';
import { settingNames } from './variables.js';

const KEY = 'a-key-that-is-32-characters-long';
const DATABASE = { host: 'h', port: 5432, database: 'd', ssl: 'prefer' };
const OTHER_KEY = 'another-key-with-more-than-32-characters';

/** What loadConfig finds wrong, each problem by the variable that it names. */
function problemsOf(env: Record<string, string>): Record<string, string> {
  try {
    loadConfig(env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return Object.fromEntries(error.problems.map((line) => [line.split(' ', 1)[0] ?? '', line]));
  }
  return {};
}

describe('Without any variable', () => {
  it('every setting has its default', () => {
    expect(loadConfig({})).toEqual({
      host: '127.0.0.1',
      port: 3000,
      otherDoors: [],
      docs: true,
      publicUrl: 'http://127.0.0.1:3000',
      database: undefined,
      directDatabase: undefined,
      databasePoolSize: 10,
      workers: 1,
      databaseConnectTimeout: 1_000,
      dataDir: resolve('.latchkey'),
      secretKeys: undefined,
      signingKeyBits: 3_072,
      sessionAlgorithm: 'RS512',
      keyRotationDays: 90,
      smtpUrl: undefined,
      mailFrom: { name: 'Latchkey', address: 'no-reply@[127.0.0.1]' },
      brand: { name: undefined, logo: undefined, color: undefined, supportUrl: undefined },
      appUrl: undefined,
      bcryptCost: 12,
      hashingThreads: Math.max(1, availableParallelism() - 1),
      passwordMinLength: 7,
      passwordBlocklist: 'off',
      sessionTtl: 86_400,
      refreshTtl: 2_592_000,
      sessionMaxAge: 7_776_000,
      resetTtl: 3_600,
      initialPasswordTtl: 0,
      invitationTtl: 604_800,
      requireCurrentPassword: false,
      reauthenticateAfter: 0,
      userTokenTtl: 86_400,
      userTokenMaxTtl: null,
      appTokenTtl: 6_311_520_000,
      oauthTokenTtl: 3_600,
      cacheSize: 100_000,
      tokenRetention: 7_776_000,
      identificationTtl: 2_592_000,
      wayfReturnTtl: 600,
      auditRetention: 63_072_000,
      apiTokenHmacSecret: undefined,
      apiTokenBcryptSalt: undefined,
      frontendAuth: 'app-token',
      signup: 'open',
      emailVerification: 'off',
      loginMaxFailures: 10,
      loginFailureWindow: 900,
      loginMaxUnknownFailures: 0,
      rateLimitPerMinute: 120,
      writeLimitPerMinute: 600,
      maxAppTokensPerAccount: 1_000,
      maxSessionsPerAccount: 1_000,
      maxResetsPerAccount: 5,
      maxMailsPerAddress: 50,
      trustProxy: false,
      corsOrigins: [],
      sessionAudience: [],
      logLevel: 'info',
      logFormat: 'auto',
      shutdownDelay: 5,
      bodyLimit: 1_048_576,
      runMigrations: true,
      bootstrap: {
        adminEmail: undefined,
        adminPassword: undefined,
        appToken: undefined,
        clientId: undefined,
        clientSecret: undefined,
      },
    });
  });

  it('an empty variable counts as none', () => {
    expect(loadConfig({ PORT: '', DATABASE_URL: '', CORS_ORIGINS: '', TRUST_PROXY: '', SECRET_KEY: '' })).toEqual(
      loadConfig({}),
    );
  });

  it('variables of others are left alone', () => {
    expect(loadConfig({ PATH: '/bin', NODE_ENV: 'test', npm_config_port: 'x' })).toEqual(loadConfig({}));
  });
});

describe('A good variable', () => {
  it.each([
    [{ PORT: '65535' }, { port: 65_535, publicUrl: 'http://127.0.0.1:65535' }],
    [
      { PORT: '0', PUBLIC_URL: 'https://id.example.org/' },
      { port: 0, publicUrl: 'https://id.example.org' },
    ],
    [
      { METRICS_PORT: '9464', ADMIN_PORT: '3001', ADMIN_HOST: '::1', HOST: '127.0.0.2' },
      {
        otherDoors: [
          { door: 'metrics', host: '127.0.0.2', port: 9464 },
          { door: 'admin', host: '::1', port: 3001 },
        ],
      },
    ],
    [{ METRICS_PORT: '0', ADMIN_PORT: '0' }, { otherDoors: [{ port: 0 }, { port: 0 }] }],
    [{ DOCS: 'off' }, { docs: false }],
    [{ PUBLIC_URL: 'https://example.org/id//' }, { publicUrl: 'https://example.org/id' }],
    [{ HOST: '::1' }, { host: '::1', publicUrl: 'http://[::1]:3000' }],
    [
      { HOST: '0.0.0.0', PUBLIC_URL: 'http://example.org' },
      { mailFrom: { name: 'Latchkey', address: 'no-reply@example.org' } },
    ],
    [
      { DATABASE_URL: 'postgres://u:p@h/d', SECRET_KEY: KEY },
      { database: { ...DATABASE, user: 'u', password: 'p' }, secretKeys: [KEY] },
    ],
    [{ SECRET_KEY: ` ${KEY} , ${OTHER_KEY},` }, { secretKeys: [KEY, OTHER_KEY] }],
    // So that one that is a pattern can be rotated away.
    [{ SECRET_KEY: `${KEY},${'k'.repeat(32)}` }, { secretKeys: [KEY, 'k'.repeat(32)] }],
    [
      { SMTP_URL: 'smtps://h', MAIL_FROM: 'a@b' },
      { smtpUrl: 'smtps://h', mailFrom: { name: '', address: 'a@b' } },
    ],
    [{ MAIL_FROM: ' <a@B.org> ' }, { mailFrom: { name: '', address: 'a@b.org' } }],
    [
      { MAIL_FROM: 'Größe: AG, "Post" <post@größe.example>' },
      { mailFrom: { name: 'Größe: AG, "Post"', address: 'post@xn--gre-6ka8i.example' } },
    ],
    [
      { MAIL_FROM: '"A \\"good\\" <sender>" <a@[IPv6:::1]>' },
      { mailFrom: { name: 'A "good" <sender>', address: 'a@[IPv6:::1]' } },
    ],
    [{ HOST: '::1' }, { mailFrom: { name: 'Latchkey', address: 'no-reply@[IPv6:::1]' } }],
    [
      { BCRYPT_COST: '4', HASHING_THREADS: '256' },
      { bcryptCost: 4, hashingThreads: 256 },
    ],
    [
      { WRITE_LIMIT_PER_MINUTE: '0', MAX_MAILS_PER_ADDRESS: '1' },
      { writeLimitPerMinute: 0, maxMailsPerAddress: 1 },
    ],
    [
      { MAX_APP_TOKENS_PER_ACCOUNT: '1', MAX_SESSIONS_PER_ACCOUNT: '2', MAX_RESETS_PER_ACCOUNT: '3' },
      { maxAppTokensPerAccount: 1, maxSessionsPerAccount: 2, maxResetsPerAccount: 3 },
    ],
    [
      { RATE_LIMIT_PER_MINUTE: '0', LOGIN_MAX_FAILURES: '1' },
      { rateLimitPerMinute: 0, loginMaxFailures: 1 },
    ],
    [{ SHUTDOWN_DELAY: '0' }, { shutdownDelay: 0 }],
    [{ TRUST_PROXY: '2' }, { trustProxy: 2 }],
    [{ TRUST_PROXY: '10.0.0.0/8, ::1,192.0.2.1' }, { trustProxy: ['10.0.0.0/8', '::1', '192.0.2.1'] }],
    [{ SESSION_AUDIENCE: 'shop, https://a.org/api' }, { sessionAudience: ['shop', 'https://a.org/api'] }],
    [{ CORS_ORIGINS: 'https://a.org, http://b.org:8080' }, { corsOrigins: ['https://a.org', 'http://b.org:8080'] }],
    [
      { RUN_MIGRATIONS: 'false', LOG_LEVEL: 'trace' },
      { runMigrations: false, logLevel: 'trace' },
    ],
    [
      { SESSION_TTL: '1', REFRESH_TTL: '9999999999' },
      { sessionTtl: 1, refreshTtl: 9_999_999_999 },
    ],
    [
      { OAUTH_TOKEN_TTL: '60', IDENTIFICATION_TTL: '1', WAYF_RETURN_TTL: '1' },
      { oauthTokenTtl: 60, identificationTtl: 1, wayfReturnTtl: 1 },
    ],
  ])('is taken: %j', (env, settings) => {
    expect(loadConfig(env)).toMatchObject(settings);
  });
});

describe('A bad variable', () => {
  const WHOLE = ['-1', '1.5', '1e3', 'x', ' 1', '0x10', '99999999999999999'];
  const BAD: Record<string, string[]> = {
    PORT: [...WHOLE, '65536'],
    METRICS_PORT: [...WHOLE, '65536'],
    ADMIN_PORT: [...WHOLE, '65536'],
    DOCS: ['no', 'true', 'ON'],
    PUBLIC_URL: ['example.org', 'ftp://example.org', '/', 'http://example.org/?a=b', 'http://example.org/#a'],
    DATABASE_URL: ['mysql://h/d', 'h/d', 'postgres', 'postgres://u:p/w@h/d'],
    DATABASE_DIRECT_URL: ['mysql://h/d'],
    DATABASE_CA_FILE: ['/no/such/file', '/', 'package.json', '/dev/null'],
    DATABASE_POOL_SIZE: [...WHOLE, '0', '1', '1001'],
    SECRET_KEY: [
      ...['short', 'k'.repeat(31), `${KEY},short`, ','],
      // Patterns.
      ...['k'.repeat(32), 'k'.repeat(64), `${'k'.repeat(40)},${KEY}`, 'ab'.repeat(20), 'changeme'.repeat(4)],
      ...['change-me-change-me-change-me-change-me', '0123456789abcdef'.repeat(2), '01'.repeat(64)],
      ...[
        'abcdefghijklmnopqrstuvwxyz0123456789',
        'zyxwvutsrqponmlkjihgfedcba987654',
        '00112233445566778899aabbccddeeff',
      ],
      ...['12345678901234567890123456789012', 'aaaabbbbccccddddeeeeffffgggghhhh'],
    ],
    SMTP_URL: ['http://h', 'mail.example.org'],
    MAIL_FROM: [
      'nobody',
      'a@b\r\nBcc: c@d',
      'A\tB <a@b>',
      'a@',
      '@b',
      'A <a@b>, C <c@d>',
      'a@b, c@d',
      'Team: a@b;',
      'Name <>',
      'Name <a@b> x',
      'a b@c',
      '.a@b',
      'a..b@c',
      'größe@example.org',
      'a@xn--a.example',
      `${'a'.repeat(65)}@b`,
      'a@b_c',
      'a@-b',
      'a@b..c',
      `a@${'b'.repeat(64)}`,
      'a@127.0.0.1',
      'a@[127.0.0.300]',
      'a@[::1]',
      'a@ex\u00adample\u2028.org',
    ],
    BCRYPT_COST: [...WHOLE, '3', '21'],
    HASHING_THREADS: [...WHOLE, '0', '257'],
    WEB_CONCURRENCY: [...WHOLE, '0', '65', 'many'],
    WRITE_LIMIT_PER_MINUTE: [...WHOLE, '1000001'],
    MAX_APP_TOKENS_PER_ACCOUNT: [...WHOLE, '0', '1000001'],
    MAX_SESSIONS_PER_ACCOUNT: [...WHOLE, '0', '1000001'],
    MAX_RESETS_PER_ACCOUNT: [...WHOLE, '0', '1001'],
    MAX_MAILS_PER_ADDRESS: [...WHOLE, '0', '1000001'],
    PASSWORD_MIN_LENGTH: [...WHOLE, '0', '257'],
    PASSWORD_BLOCKLIST: ['true', 'ON', '/', '/no/such/file'],
    SESSION_TTL: [...WHOLE, '0'],
    REFRESH_TTL: [...WHOLE, '0'],
    SESSION_MAX_AGE: [...WHOLE, '0'],
    RESET_TTL: [...WHOLE, '0'],
    USER_TOKEN_TTL: [...WHOLE, '0'],
    APP_TOKEN_TTL: [...WHOLE, '0'],
    OAUTH_TOKEN_TTL: [...WHOLE, '0'],
    CACHE_SIZE: [...WHOLE, '0', '10000001'],
    TOKEN_RETENTION: [...WHOLE, '0'],
    IDENTIFICATION_TTL: [...WHOLE, '0'],
    WAYF_RETURN_TTL: [...WHOLE, '0'],
    LOGIN_MAX_FAILURES: [...WHOLE, '0'],
    LOGIN_FAILURE_WINDOW: [...WHOLE, '0'],
    LOGIN_MAX_UNKNOWN_FAILURES: WHOLE,
    RATE_LIMIT_PER_MINUTE: WHOLE,
    TRUST_PROXY: ['true', '0', '-1', 'proxy.example.org', '10.0.0.0/33', '::/129', '10.0.0.0/8/8', ',', '10.0.0.0/'],
    SESSION_AUDIENCE: [',', 'two words', 'ü', ':x', 'a,:x', 'a'.repeat(256), 'a,'.repeat(11)],
    CORS_ORIGINS: ['*', 'app.example.org', 'https://a.org/', 'https://a.org/path', 'https://a.org,x', 'null'],
    LOG_LEVEL: ['loud', 'INFO'],
    LOG_FORMAT: ['xml', 'JSON'],
    SHUTDOWN_DELAY: [...WHOLE, '3601'],
    BODY_LIMIT: [...WHOLE, '1023'],
    RUN_MIGRATIONS: ['yes', '1', 'TRUE'],
    BOOTSTRAP_ADMIN_EMAIL: ['nobody', `${'a'.repeat(250)}@b.org`],
    BOOTSTRAP_ADMIN_PASSWORD: ['exampl', 'x'.repeat(257), 'tab\tbetween', 'half\ud83d of a pair', 'cafe\u0301e\u0301'],
    BOOTSTRAP_APP_TOKEN: ['x'.repeat(32), 'A'.repeat(32), 'a'.repeat(31)],
    BOOTSTRAP_CLIENT_ID: ['a b', 'a'.repeat(101)],
    BOOTSTRAP_CLIENT_SECRET: ['short', `${'a'.repeat(32)} b`, 'a'.repeat(201)],
  };
  for (const [name, values] of Object.entries(BAD)) {
    it.each(values)(`is named, with what it should be: ${name}=%j`, (value) => {
      const problems = problemsOf({ [name]: value, ...(name === 'SMTP_URL' && { MAIL_FROM: 'a@b' }) });
      expect(problems[name]).toMatch(new RegExp(`^${name} must .{4,}`));
    });
  }

  it('stops the start together with all others, once each, and no value is told', () => {
    const env = Object.fromEntries(
      Object.keys(BAD).map((name, index) => [name, `<value ${index} that must not be told>`]),
    );
    // These take nearly any text.
    Object.assign(env, { MAIL_FROM: 'secret-value', BOOTSTRAP_ADMIN_PASSWORD: 'secret'.repeat(43), HOST: '0.0.0.0' });
    let message = '';
    try {
      loadConfig(env);
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      message = (error as ConfigError).message;
    }
    for (const name of Object.keys(BAD)) expect(message).toContain(`  ${name} must `);
    expect(message).not.toMatch(/told>|secret-value|secretsecret/);
    expect(message.split('\n')[0]).toBe('Invalid configuration:');
  });
});

describe('Variables that belong together', () => {
  it.each([
    [{ HOST: '0.0.0.0' }, 'PUBLIC_URL'],
    [{ HOST: '::' }, 'PUBLIC_URL'],
    [{ PORT: '0' }, 'PUBLIC_URL'],
    [{ METRICS_PORT: '3000' }, 'METRICS_PORT'],
    [{ PORT: '9464', METRICS_PORT: '9464' }, 'METRICS_PORT'],
    [{ METRICS_PORT: '9464', ADMIN_PORT: '9464', ADMIN_HOST: '127.0.0.2' }, 'ADMIN_PORT'],
    [{ METRICS_HOST: '127.0.0.1' }, 'METRICS_PORT'],
    [{ ADMIN_HOST: '127.0.0.1', METRICS_PORT: '9464' }, 'ADMIN_PORT'],
    [{ DATABASE_URL: 'postgres://h/d' }, 'SECRET_KEY'],
    [{ DATABASE_DIRECT_URL: 'postgres://h/d' }, 'DATABASE_URL'],
    [{ SMTP_URL: 'smtp://h' }, 'MAIL_FROM'],
    [{ SECRET_KEY: KEY, SECRET_KEY_FILE: '/dev/null' }, 'SECRET_KEY_FILE'],
    [{ PASSWORD_MIN_LENGTH: '12', BOOTSTRAP_ADMIN_PASSWORD: 'elevenchars' }, 'BOOTSTRAP_ADMIN_PASSWORD'],
    [{ DATABASE_URL: 'postgres://h/d', SECRET_KEY: KEY, BOOTSTRAP_ADMIN_EMAIL: 'a@b.org' }, 'BOOTSTRAP_ADMIN_EMAIL'],
    [{ DATABASE_URL: 'postgres://h/d', SECRET_KEY: KEY, BOOTSTRAP_CLIENT_SECRET: KEY }, 'BOOTSTRAP_CLIENT_ID'],
  ])('are missed: %j lacks or clashes with %s', (env, name) => {
    const problems = problemsOf(env);
    expect(Object.keys(problems)).toEqual([name]);
    for (const value of Object.values(env)) {
      if (value.length > 2) expect(problems[name]).not.toContain(value);
    }
  });

  it.each([
    { BOOTSTRAP_ADMIN_EMAIL: 'a@b.org' },
    {
      DATABASE_URL: 'postgres://h/d',
      SECRET_KEY: KEY,
      BOOTSTRAP_ADMIN_EMAIL: 'a@b.org',
      BOOTSTRAP_ADMIN_PASSWORD: 'example',
    },
    { PASSWORD_MIN_LENGTH: '3', BOOTSTRAP_ADMIN_PASSWORD: 'abc' },
  ])('are enough: %j', (env) => {
    expect(problemsOf(env)).toEqual({});
  });
});

describe('A random key', () => {
  it.each(['hex', 'base64', 'base64url', 'latin1'] as const)('is never taken for a pattern: %s', (encoding) => {
    for (let count = 0; count < 2_000; count += 1) expect(isPattern(randomBytes(24).toString(encoding))).toBe(false);
  });

  it('of digits alone neither', () => {
    for (let count = 0; count < 2_000; count += 1) {
      const digits = Array.from({ length: 32 }, () => randomInt(10)).join('');
      expect(isPattern(digits)).toBe(false);
    }
  });
});

describe('A variable that is no setting', () => {
  const SETTINGS = settingNames;

  it.each([
    ['BCRYPT_COTS', 'BCRYPT_COST'],
    ['SINGUP', 'SIGNUP'],
    ['EMAIL_VERIFY', 'EMAIL_VERIFICATION'],
    ['MIN_PASSWORD_LENGTH', 'PASSWORD_MIN_LENGTH'],
    ['TRUST_PROXIES', 'TRUST_PROXY'],
    ['SIGN_UP', 'SIGNUP'],
    ['PROT', 'PORT'],
    ['HSOT', 'HOST'],
    ['METRIC_PORT', 'METRICS_PORT'],
    ['bcrypt_cost', 'BCRYPT_COST'],
    ['DATABASE_URI', 'DATABASE_URL'],
    ['DATABSE_URL', 'DATABASE_URL'],
    ['SECRET_KEYS', 'SECRET_KEY'],
    ['PASSWORD_MINLENGHT', 'PASSWORD_MIN_LENGTH'],
    ['EMAIL_VERIFCATION', 'EMAIL_VERIFICATION'],
  ])('but looks like one stops the start: %s', (name, meant) => {
    expect(problemsOf({ [name]: 'secret-value' })).toEqual({
      [name]: `${name} is not a setting. Did you mean ${meant}?`,
    });
    expect(problemsOf({ [name]: '' })).toEqual({});
  });

  it('stops it together with all else that is wrong', () => {
    expect(Object.keys(problemsOf({ BCRYPT_COTS: '12', SINGUP: 'closed', PORT: 'x' })).sort()).toEqual([
      'BCRYPT_COTS',
      'PORT',
      'SINGUP',
    ]);
  });

  it('is found whichever single slip it is', () => {
    for (const setting of SETTINGS.filter((name) => name.length >= 6)) {
      for (let index = 0; index < setting.length; index += 1) {
        const [before, letter = '', after] = [setting.slice(0, index), setting[index], setting.slice(index + 1)];
        const swapped = `${before}${after.slice(0, 1)}${letter}${after.slice(1)}`;
        for (const slip of [
          `${before}${after}`,
          `${before}${letter}${letter}${after}`,
          `${before}X${after}`,
          swapped,
        ]) {
          // Common elsewhere.
          if (SETTINGS.includes(slip) || slip === 'LOGLEVEL') continue;
          expect([slip, problemsOfUnknown({ [slip]: 'x' }, SETTINGS)]).toEqual([
            slip,
            [expect.stringContaining('Did you mean')],
          ]);
        }
      }
    }
  });

  it('and does not look like one is left alone', () => {
    const others = `PATH HOME HOSTNAME HOSTTYPE HOSTS PWD OLDPWD SHELL SHLVL TERM LANG LC_ALL LOGNAME USER USERNAME MAIL TMPDIR TZ EDITOR
      DISPLAY SSH_AUTH_SOCK XDG_DATA_DIRS XDG_DATA_HOME XDG_SESSION_ID XDG_SESSION_TYPE SESSION_MANAGER DBUS_SESSION_BUS_ADDRESS
      PGHOST PGPORT PGUSER PGPASSWORD PGDATA PGSSLMODE PGSSLROOTCERT POSTGRES_USER POSTGRES_PASSWORD POSTGRES_DB
      NODE_ENV NODE_OPTIONS NODE_VERSION YARN_VERSION NODE_EXTRA_CA_CERTS UV_THREADPOOL_SIZE npm_config_port npm_package_name
      npm_lifecycle_event npm_config_user_agent INIT_CWD http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY
      SMTP_HOST SMTP_PORT SMTP_USER SMTP_PASSWORD MAIL_HOST EMAIL_FROM EMAIL_HOST LOGLEVEL DEBUG POST SORT GHOST COST SIGNAL
      DATABASE_HOST DATABASE_PORT DATABASE_USER DATABASE_NAME DATABASE_PASSWORD DB_URL REDIS_URL HTTP_URL SITE_URL BASE_URL
      PUBLIC_DIR PUBLIC_PATH DATA_PATH LOG_FILE LOG_STYLE LOG_DIR SECRET_KEY_BASE SECRET_TOKEN SESSION_SECRET SESSION_KEY
      SESSION_PORT SESSION_SERVICE_HOST RESULT_TTL CACHE_TTL APP_ENV APP_NAME APP_KEY APP_TOKEN USER_TOKEN OAUTH_TOKEN
      LATCHKEY_PORT LATCHKEY_SERVICE_HOST LATCHKEY_SERVICE_PORT LATCHKEY_SERVICE_PORT_HTTP LATCHKEY_PORT_80_TCP
      LATCHKEY_PORT_80_TCP_ADDR KUBERNETES_PORT KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT_HTTPS HOST_PORT PORT_HTTP
      DATABASE_URL_PORT DYNO RAILWAY_ENVIRONMENT FLY_REGION RENDER K_SERVICE CI GITHUB_TOKEN CHROMIUM_PATH TEST_CLUSTER`;
    const names = others.trim().split(/\s+/);
    expect(names.length).toBeGreaterThan(100);
    expect(problemsOfUnknown(Object.fromEntries(names.map((name) => [name, 'x'])), SETTINGS)).toEqual([]);
    expect(loadConfig(Object.fromEntries(names.map((name) => [name, 'x'])))).toEqual(loadConfig({}));
  });

  it('of this very process is none of them', () => {
    expect(problemsOfUnknown(process.env as Record<string, string>, SETTINGS)).toEqual([]);
  });

  it('of a service of Kubernetes is none of them, whatever that is called', () => {
    expect(problemsOfUnknown({ ADMINS_PORT: 'tcp://10.0.0.1:80' }, SETTINGS)).toEqual([]);
    expect(problemsOfUnknown({ ADMINS_PORT: '80' }, SETTINGS)).toEqual([expect.stringContaining('ADMIN_PORT')]);
  });
});
