import type { FastifyReply } from 'fastify';

/** Names the next page of a list, if there is one, in `Link` (RFC 8288), relative to the list itself. */
export function linkToNext(reply: FastifyReply, cursor: string | undefined): void {
  if (cursor !== undefined) void reply.header('link', `<?cursor=${encodeURIComponent(cursor)}>; rel="next"`);
}
