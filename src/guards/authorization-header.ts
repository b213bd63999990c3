import type { FastifyRequest } from 'fastify';

type Sent = Pick<FastifyRequest, 'headers'> & { raw: { rawHeaders: string[] } };

/** Whether `Authorization` was sent twice: Node keeps the first, but a proxy may have checked the other. */
export function isRepeated({ raw: { rawHeaders } }: Sent): boolean {
  let sent = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (name.length === 'authorization'.length && name.toLowerCase() === 'authorization') sent += 1;
  }
  return sent > 1;
}

/**
 * Reads both documented spellings, `Bearer X` and `Bearer: X`, with the scheme in any case (RFC 9110 section 11.1).
 * Null also when the header was sent twice.
 */
export function bearerToken(request: Sent): string | null {
  const { authorization = '' } = request.headers;
  const scheme = /^bearer:? +/i.exec(authorization)?.[0];
  // By an expression of its own, as each character of a JWT takes longer where case is ignored.
  const token = scheme === undefined ? '' : authorization.slice(scheme.length);
  return !/^[\w.~+/=-]+$/.test(token) || isRepeated(request) ? null : token;
}

/** Whether a Bearer token is presented, well-formed or not. */
export function showsBearer({ headers }: Sent): boolean {
  return /^bearer:? +\S/i.test(headers.authorization ?? '');
}

/** Whether the scheme is Basic, whether or not the rest is well-formed. */
export function isBasic({ headers }: Sent): boolean {
  return /^basic( |$)/i.test(headers.authorization ?? '');
}

/** The id and secret of a client, as they were shown. */
export interface ShownSecret {
  id: string;
  secret: string;
  /** The secret without decoding, if that is another text: many clients do not encode theirs. */
  raw?: string;
}

/**
 * The id and secret of a client in HTTP Basic: each encoded as a form's value, then joined by a colon and put in base64
 * (RFC 6749 section 2.3.1, RFC 7617).
 */
export function basicCredentials({ headers }: Sent): ShownSecret | undefined {
  const encoded = /^basic +([\w+/-]+={0,2})$/i.exec(headers.authorization ?? '')?.[1];
  const [, id, raw] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded ?? '', 'base64').toString()) ?? [];
  const decoded = id === undefined ? undefined : formDecode(id);
  if (decoded === undefined || raw === undefined) return undefined;
  const secret = formDecode(raw) ?? raw;
  return { id: decoded, secret, ...(raw !== secret && { raw }) };
}

/** @returns undefined for what is not encoded */
function formDecode(text: string): string | undefined {
  if (!/[%+]/.test(text)) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
