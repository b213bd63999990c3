import { X509Certificate } from 'node:crypto';
import { accessSync, constants, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { z } from 'zod';
import { COLOR_RULE, LOGO_RULE, problemOfColor, readLogo } from './branding.js';
import { DatabaseUrlError, parseDatabaseUrl } from './database-url.js';
import { parseMailAddress } from './mail-address.js';
import { isPattern } from './secret-key.js';
import { NotAFile, readRegularFile } from './regular-file.js';

// What the values of variables have to be, and what becomes of them: each rule says it in the words that people are told.

export const text = (what: string) => z.string(what);
export const hostName = text('must be a host name or an address');

export function wholeNumber(
  minimum: number,
  maximum: number,
  what = `must be a whole number from ${minimum} to ${maximum}`,
) {
  return z
    .string()
    .regex(/^\d{1,15}$/, what)
    .transform(Number)
    .refine((value) => value >= minimum && value <= maximum, what);
}

export function urlWith(protocols: string[]) {
  const what = `must be a URL that starts with ${protocols.map((name) => `${name}//`).join(' or ')}`;
  return z.string().refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol), what);
}

/** Mails show an address as people write it. */
export function isDecodable(url: string): boolean {
  try {
    decodeURIComponent(url);
    return true;
  } catch {
    return false;
  }
}

export const databaseUrl = (authority?: string) =>
  z.string().transform((value, context) => {
    try {
      return parseDatabaseUrl(value, authority);
    } catch (error) {
      if (!(error instanceof DatabaseUrlError)) throw error;
      context.addIssue(error.message);
      return z.NEVER;
    }
  });

/** A file with the authorities of a whole operating system has a quarter of that, in bytes. */
const LARGEST_BUNDLE = 1_048_576;

/** @returns the certificates that a file has, in PEM */
export const certificates = z.string().transform((path, context) => {
  try {
    const text = readRegularFile(path, { largest: LARGEST_BUNDLE }).toString();
    const found = text.match(/-----BEGIN CERTIFICATE-----[^]+?-----END CERTIFICATE-----/g) ?? [];
    for (const one of found) new X509Certificate(one);
    if (found.length > 0) return text;
    context.addIssue('must be the path of a file with certificates in PEM (-----BEGIN CERTIFICATE-----)');
  } catch (error) {
    const isRead = !(error instanceof NotAFile) && (error as NodeJS.ErrnoException).syscall === undefined;
    context.addIssue(
      isRead
        ? 'names a file with a certificate that cannot be read'
        : 'must be the path of a readable, regular file with certificates, of at most a mebibyte',
    );
  }
  return z.NEVER;
});

export const list = (what: string, isValid: (item: string) => boolean) =>
  z
    .string()
    .transform((value) =>
      value
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== ''),
    )
    .refine((items) => items.length > 0 && items.every(isValid), what);

export function isReadableFile(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

export function isNetwork(item: string): boolean {
  const [address = '', prefix, ...rest] = item.split('/');
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  return (
    bits > 0 && rest.length === 0 && (prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits))
  );
}

/** A StringOrURI of RFC 7519: what has a colon is a URI. */
export const isAudience = (item: string) =>
  /^[\x21-\x7e]{1,255}$/.test(item) && (!item.includes(':') || URL.canParse(item));

const SECRET_KEY_RULE = 'must be at least 32 characters (several, separated by commas: the current one first)';
const MAIL_FROM_RULE =
  'must be one mail address, with or without a name, such as Latchkey <no-reply@example.org>; ' +
  "only ASCII letters, digits and .!#$%&'*+/=?^_`{|}~- may stand before the @";
export const WEB_CONCURRENCY_RULE = 'must be auto or a whole number from 1 to 64';
export const seconds = (fallback: number, minimum = 1) => wholeNumber(minimum, 9_999_999_999).default(fallback);

export const mailAddress = z.string().transform((value, context) => {
  const address = parseMailAddress(value);
  if (address) return address;
  context.addIssue({ code: 'custom', message: MAIL_FROM_RULE });
  return z.NEVER;
});

export const logo = z.string().transform((value, context) => {
  const read = readLogo(value);
  if (read) return read;
  context.addIssue({ code: 'custom', message: LOGO_RULE });
  return z.NEVER;
});

export const color = z
  .string()
  .regex(/^#[0-9a-f]{6}$/i, COLOR_RULE)
  .check(({ value, issues }) => {
    const problem = /^#[0-9a-f]{6}$/i.test(value) ? problemOfColor(value) : undefined;
    if (problem !== undefined) issues.push({ code: 'custom', message: problem, input: '' });
  });

export const BCRYPT_SALT = /^\$2[aby]\$(?:0[4-9]|1\d|20)\$[./A-Za-z0-9]{22}$/;

const NO_PATTERN = 'must begin with a random key, not with a pattern: `openssl rand -base64 48` makes one';

/** An older key may be a pattern, so that one can be rotated away. */
export const secretKey = list(SECRET_KEY_RULE, (key) => key.length >= 32).refine(
  ([current = '']) => !isPattern(current),
  NO_PATTERN,
);

/** Marks what may also come from a file, and must not be shown. */
export const secret = <S extends z.ZodType>(schema: S): S => schema.meta({ isSecret: true });
