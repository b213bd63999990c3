import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { EntityManager } from 'typeorm';
import { currentPurpose, withDeadline } from '../database/deadline.js';
import { acceptedLocale } from '../messages/languages.js';
import { canonicalAddress } from './client-address.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** To be called in the transaction of what the request makes; throws if it may not make it any more. */
    beforeCommit?: (tx: EntityManager) => Promise<void>;
  }
}

/** What a request asks of the database it asks within this time, in milliseconds: with what is under way then, 5 s. */
const REQUEST_LIMIT = 4_000;

/** Lets whatever runs for a request find it; see {@link currentRequest}. */
export function rememberRequests(fastify: FastifyInstance): void {
  // After the body has been read, which happens in another asynchronous context.
  fastify.addHook('preValidation', (request, _reply, done) => {
    withDeadline(REQUEST_LIMIT, done, request);
  });
}

/**
 * The request that the caller handles; undefined outside of requests. For the audit log, so that callers need not pass
 * the actor.
 */
export function currentRequest(): FastifyRequest | undefined {
  return currentPurpose() as FastifyRequest | undefined;
}

/** To be called in the transaction of what the current request makes, unless the audit log has an event for it. */
export async function noteAct(tx: EntityManager): Promise<void> {
  await currentRequest()?.beforeCommit?.(tx);
}

/** Whether {@link noteAct} has something to note for the current request. */
export const hasToNoteActs = () => currentRequest()?.beforeCommit !== undefined;

/** @returns the address of whom the current request is for: of an application's user, if it has passed that on */
export function currentClientAddress(): string | null {
  const request = currentRequest();
  const { principal } = request ?? {};
  return (principal && 'clientAddress' in principal ? principal.clientAddress : null) ?? request?.ip ?? null;
}

/** The client's address and user agent; null: unknown. */
export interface Origin {
  address: string | null;
  userAgent: string | null;
}

const LONGEST_USER_AGENT = 512;

/** @returns the origin of the current request */
export function currentOrigin(): Origin {
  const request = currentRequest();
  return {
    address: (request && canonicalAddress(request.ip)) ?? null,
    userAgent: request?.headers['user-agent']?.slice(0, LONGEST_USER_AGENT) ?? null,
  };
}

/** @returns the locale that whoever makes the current request likes best, of those for whose language there are texts */
export const currentLocale = (): string | null => acceptedLocale(currentRequest()?.headers['accept-language']);
