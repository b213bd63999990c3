import { createHash } from 'node:crypto';

/** @returns the entity tag of what is served (RFC 9110 section 8.8.3): a strong one, of nothing but its bytes */
export function etagOf(content: string | Buffer): string {
  return `"${createHash('sha256').update(content).digest('base64url').slice(0, 27)}"`;
}
