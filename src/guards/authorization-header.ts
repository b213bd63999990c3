import type { FastifyRequest } from 'fastify';

type Sent = Pick<FastifyRequest, 'headers'> & { raw: { rawHeaders: string[] } };

/** Whether `Authorization` was sent twice: Node keeps the first, and a proxy before us may have gone by the other. */
export function isRepeated({ raw: { rawHeaders } }: Sent): boolean {
  return rawHeaders.filter((text, index) => index % 2 === 0 && /^authorization$/i.test(text)).length > 1;
}

/**
 * Both documented spellings, `Bearer X` and `Bearer: X`, the scheme in whatever case (RFC 9110 section 11.1). None when
 * the header was sent twice.
 */
export function bearerToken(request: Sent): string | null {
  const token = /^bearer:? +([\w.~+/=-]+)$/i.exec(request.headers.authorization ?? '')?.[1];
  return token === undefined || isRepeated(request) ? null : token;
}

/** Whether a token is shown as Bearer, however malformed. */
export function showsBearer({ headers }: Sent): boolean {
  return /^bearer:? +\S/i.test(headers.authorization ?? '');
}

/** Whether the scheme is Basic, however well-formed the rest is. */
export function isBasic({ headers }: Sent): boolean {
  return /^basic( |$)/i.test(headers.authorization ?? '');
}

/**
 * The id and secret of a client in HTTP Basic: each encoded as a form's value, then joined by a colon and put in base64
 * (RFC 6749 section 2.3.1, RFC 7617).
 */
export function basicCredentials({ headers }: Sent): { id: string; secret: string } | undefined {
  const encoded = /^basic +([\w+/-]+={0,2})$/i.exec(headers.authorization ?? '')?.[1];
  const [, id, secret] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded ?? '', 'base64').toString()) ?? [];
  if (id === undefined || secret === undefined) return undefined;
  try {
    return { id: formDecode(id), secret: formDecode(secret) };
  } catch {
    return undefined;
  }
}

/** @throws URIError */
function formDecode(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '));
}
