import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import Negotiator from 'negotiator';
import { addVary } from '../html/pages.js';
import { etagOf } from '../http/etag.js';

/** The content codings that there are, the best first. */
const CODINGS = {
  br: (content: Buffer) => promisify(brotliCompress)(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }),
  gzip: (content: Buffer) => promisify(gzip)(content, { level: 9 }),
} as const;

type Coding = keyof typeof CODINGS;

/**
 * Public content in every coding, each made once, when somebody asks for it. For nothing that is secret or has what a request
 * said: the length of a compressed answer tells what repeats in it (BREACH).
 */
export class Compressed {
  readonly etag: string;
  private readonly content: Buffer;
  private readonly coded = new Map<Coding, Promise<{ content: Buffer; etag: string }>>();

  constructor(
    content: string | Buffer,
    private readonly type: string,
  ) {
    this.content = typeof content === 'string' ? Buffer.from(content) : content;
    this.etag = etagOf(this.content);
  }

  /** Answers with the best coding that a request accepts (RFC 9110 section 12.5.3). */
  async send(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const coding = codingFor(request.headers['accept-encoding']);
    addVary(reply, 'Accept-Encoding');
    void reply.type(this.type);
    if (!coding) return reply.header('etag', this.etag).send(this.content);
    const { content, etag } = await this.inCoding(coding);
    return reply.headers({ 'content-encoding': coding, etag }).send(content);
  }

  private inCoding(coding: Coding): Promise<{ content: Buffer; etag: string }> {
    const made =
      this.coded.get(coding) ?? CODINGS[coding](this.content).then((content) => ({ content, etag: etagOf(content) }));
    this.coded.set(coding, made);
    return made;
  }
}

/** @returns undefined: as it is */
export function codingFor(accepted?: string): Coding | undefined {
  const known = Object.keys(CODINGS) as Coding[];
  const request = { headers: accepted === undefined ? {} : { 'accept-encoding': accepted } };
  const taken = new Negotiator(request).encodings(known);
  return known.find((coding) => taken.includes(coding));
}
