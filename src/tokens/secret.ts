import { createHash, randomBytes } from 'node:crypto';

/** @returns a new secret of 128 random bits, as lower-case hexadecimal */
export function newHexSecret(): string {
  return randomBytes(16).toString('hex');
}

/** What the database holds instead of a secret. The secrets are random, so a plain hash is enough. */
export function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** What people tell secrets apart by. */
export function hintOf(secret: string): string {
  return secret.slice(-4);
}
