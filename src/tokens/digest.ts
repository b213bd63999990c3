import { hash } from 'node:crypto';

/** What the database stores of a secret. Secrets are random, so that a plain SHA-256 is enough. */
export function digestOf(secret: string): Buffer {
  return hash('sha256', secret, 'buffer');
}

/** The last four characters, by which people tell secrets apart. */
export function hintOf(secret: string): string {
  return secret.slice(-4);
}
