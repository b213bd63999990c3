import type { Config } from './config.js';
import type { Variables } from './variables.js';

/** A setting that hardens: what it is by default and in the hardened profile. `docs/hardening.md` shows these to operators. */
export interface Hardening {
  setting: keyof Variables;
  /** By default, as the API documents have it. Absent: it is not set, and the table says `none`. */
  byDefault?: string;
  /** In the hardened profile, which `deploy/` sets. */
  hardened: string;
  /** What the hardened value protects from, in a few words. */
  protectsFrom: string;
  /** Whether what is configured protects as well as the hardened value. */
  isHardened: (config: Config) => boolean;
}

/** In the order of README's table. A test compares them with `docs/hardening.md` and `deploy/`. */
export const HARDENINGS: readonly Hardening[] = [
  {
    setting: 'BCRYPT_COST',
    byDefault: '12',
    hardened: '12',
    protectsFrom: 'guessing passwords from a stolen copy of the database',
    isHardened: ({ bcryptCost }) => bcryptCost >= 12,
  },
  {
    setting: 'PASSWORD_MIN_LENGTH',
    byDefault: '7',
    hardened: '15',
    protectsFrom:
      'passwords that can be guessed (NIST SP 800-63B-4 section 3.1.1.2: 15 where a password is the only factor)',
    isHardened: ({ passwordMinLength }) => passwordMinLength >= 15,
  },
  {
    setting: 'PASSWORD_BLOCKLIST',
    byDefault: 'off',
    hardened: 'on',
    protectsFrom: 'passwords that are guessed first (NIST SP 800-63B-4 section 3.1.1.2)',
    isHardened: ({ passwordBlocklist }) => passwordBlocklist !== 'off',
  },
  {
    setting: 'REFRESH_TTL',
    byDefault: '2592000',
    hardened: '604800',
    protectsFrom: 'a session that is left open on a device that nobody uses any more (ASVS 5.0 V7.3.1)',
    isHardened: ({ refreshTtl }) => refreshTtl <= 604_800,
  },
  {
    setting: 'SESSION_MAX_AGE',
    byDefault: '7776000',
    hardened: '2592000',
    protectsFrom: 'a stolen session that is kept open (NIST SP 800-63B-4 section 2.1.3: 30 days)',
    isHardened: ({ sessionMaxAge }) => sessionMaxAge <= 2_592_000,
  },
  {
    setting: 'SESSION_AUDIENCE',
    hardened: 'latchkey',
    protectsFrom: 'a session JWT that a service accepts although it was not meant for it (ASVS 5.0 V9.2.4)',
    isHardened: ({ sessionAudience }) => sessionAudience.length > 0,
  },
  {
    setting: 'SESSION_ALGORITHM',
    byDefault: 'RS512',
    hardened: 'PS512',
    protectsFrom: 'weaknesses of RSASSA-PKCS1-v1_5, which ASVS 5.0 (appendix C) disallows for signatures',
    isHardened: ({ sessionAlgorithm }) => sessionAlgorithm === 'PS512',
  },
  {
    setting: 'KEY_ROTATION_DAYS',
    byDefault: '90',
    hardened: '90',
    protectsFrom: 'a signing key that was copied unnoticed, or that is shorter than is asked today',
    isHardened: ({ keyRotationDays: days }) => days > 0 && days <= 90,
  },
  {
    setting: 'REAUTHENTICATE_AFTER',
    byDefault: '0',
    hardened: '900',
    protectsFrom: 'a stolen session or token that takes over the account, or makes itself last (ASVS 5.0 V7.5)',
    isHardened: ({ reauthenticateAfter: seconds }) => seconds > 0 && seconds <= 900,
  },
  {
    setting: 'REQUIRE_CURRENT_PASSWORD',
    byDefault: 'off',
    hardened: 'on',
    protectsFrom: 'a new password by whoever finds a session open (ASVS 5.0 V6.2.3)',
    isHardened: ({ requireCurrentPassword }) => requireCurrentPassword,
  },
  {
    setting: 'USER_TOKEN_MAX_TTL',
    hardened: '2592000',
    protectsFrom: 'a stolen user token that is kept alive by lengthening it',
    isHardened: ({ userTokenMaxTtl }) => userTokenMaxTtl !== null && userTokenMaxTtl <= 2_592_000,
  },
  {
    setting: 'WAYF_RETURN_TTL',
    byDefault: '600',
    hardened: '600',
    protectsFrom: 'a link back from the WAYF page that somebody finds later',
    isHardened: ({ wayfReturnTtl }) => wayfReturnTtl <= 600,
  },
  {
    setting: 'EMAIL_VERIFICATION',
    byDefault: 'off',
    hardened: 'required',
    protectsFrom:
      'accounts in the name of addresses that belong to somebody else, and a stolen JWT that keeps an account',
    isHardened: ({ emailVerification }) => emailVerification === 'required',
  },
  {
    setting: 'INVITATION_TTL',
    byDefault: '604800',
    hardened: '86400',
    protectsFrom: 'an invitation in a mailbox that somebody else reads later (ASVS 5.0 V6.4.1)',
    isHardened: ({ invitationTtl }) => invitationTtl <= 86_400,
  },
  {
    setting: 'INITIAL_PASSWORD_TTL',
    byDefault: '0',
    hardened: '86400',
    protectsFrom: 'passwords that somebody else has chosen or seen, and that stay (ASVS 5.0 V6.4.1)',
    isHardened: ({ initialPasswordTtl: seconds }) => seconds > 0 && seconds <= 86_400,
  },
  {
    setting: 'FRONTEND_AUTH',
    byDefault: 'app-token',
    hardened: 'app-token',
    protectsFrom: 'API tokens made by whoever can reach `/v1/frontend/auth`',
    isHardened: ({ frontendAuth }) => frontendAuth === 'app-token',
  },
  {
    setting: 'LOGIN_MAX_UNKNOWN_FAILURES',
    byDefault: '0',
    hardened: '100',
    protectsFrom: 'guessing a password slowly, from many addresses (NIST SP 800-63B-4 section 3.2.2: 100 in a row)',
    isHardened: ({ loginMaxUnknownFailures: limit }) => limit > 0 && limit <= 100,
  },
  {
    setting: 'RATE_LIMIT_PER_MINUTE',
    byDefault: '120',
    hardened: '120',
    protectsFrom: 'floods of sign-ups, sign-ins, mails and searches from one address',
    isHardened: ({ rateLimitPerMinute: limit }) => limit > 0 && limit <= 120,
  },
  {
    setting: 'WRITE_LIMIT_PER_MINUTE',
    byDefault: '600',
    hardened: '600',
    protectsFrom: 'floods of changes by one account',
    isHardened: ({ writeLimitPerMinute: limit }) => limit > 0 && limit <= 600,
  },
];

/**
 * One line for the log of a start, if this is a production (its PUBLIC_URL is https) that has left something open.
 *
 * @returns the settings, each with its hardened value
 */
export function leftOpen(config: Config): string | undefined {
  if (!config.publicUrl.startsWith('https:')) return undefined;
  const open = HARDENINGS.filter(({ isHardened }) => !isHardened(config));
  if (open.length === 0) return undefined;
  const values = open.map(({ setting, hardened }) => `${setting}=${hardened}`);
  return `not hardened, see docs/hardening.md; the hardened values would be ${values.join(', ')}`;
}
