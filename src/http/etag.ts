import { hash } from 'node:crypto';

/** @returns the entity tag of what is served (RFC 9110 section 8.8.3): a strong one, of nothing but its bytes */
export function etagOf(content: string | Buffer): string {
  return `"${hash('sha256', content, 'base64url').slice(0, 27)}"`;
}
