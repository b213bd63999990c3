import { hash } from 'node:crypto';

/** What the database holds instead of a secret. Secrets are random, so a plain SHA-256 is enough. */
export function digestOf(secret: string): Buffer {
  return hash('sha256', secret, 'buffer');
}

/** What people tell secrets apart by. */
export function hintOf(secret: string): string {
  return secret.slice(-4);
}
