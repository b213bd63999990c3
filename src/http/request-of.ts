import type { ArgumentsHost } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';

// For what is asked at each request: `switchToHttp` makes three functions each time, and gives them to the context.

/** @returns the request that a guard is asked about */
export const requestOf = (host: ArgumentsHost): FastifyRequest => host.getArgByIndex<FastifyRequest>(0);

/** @returns the reply to it */
export const replyOf = (host: ArgumentsHost): FastifyReply => host.getArgByIndex<FastifyReply>(1);
