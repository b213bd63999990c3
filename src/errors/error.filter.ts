import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { addVary, prefersPage } from '../html/pages.js';
import type { View } from '../html/view.js';
import { ApiError, STATUS_OF, type ErrorCode } from './api-error.js';
import { bodyTooLarge, databaseAway, notAllowed, unexpected } from './common-errors.js';
import { isDatabaseUnavailable } from './database-errors.js';
import { errorPage } from './error-page.js';
import { OutageLog } from './outage-log.js';
import { dialectOfPath, headersOf, statusOf, wordError, type Dialect } from './dialects.js';
import { pathOf } from './request-path.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set where the credential, not the route, decides how errors are worded. */
    dialect?: Dialect;
    /** How it failed, for the log. */
    failure?: ErrorCode;
  }
  interface FastifyContextConfig {
    dialect?: Dialect;
  }
}

/** Called with every failure before it is answered.
 * @throws an error to answer in its place
 */
export type FailureListener = (request: FastifyRequest, thrown: unknown) => Promise<void>;

/** The one place that decides what a client sees of a failure. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(private readonly listener: FailureListener) {}

  /** Never rejects, as nobody would catch it and the process would end. */
  async catch(thrown: unknown, host: ArgumentsHost): Promise<void> {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const toAnswer = await this.listener(request, thrown).then(
      () => thrown,
      (failure: unknown) => failure,
    );
    try {
      answerError(toAnswer, request, http.getResponse<FastifyReply>());
    } catch (error) {
      request.log.error({ err: error }, 'could not send an error response');
      request.raw.destroy();
    }
  }
}

/**
 * Answers a request with what the client may see of a failure, in the route's dialect, and logs the rest. Fastify also
 * calls it, for requests that never reach Nest (invalid URLs and bodies).
 */
export function answerError(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
  if (reply.sent) return;
  const error = toApiError(thrown);
  request.failure = error.code;
  if (error.code === 'internal') request.log.error({ err: thrown }, 'unexpected failure');
  else if (isDatabaseUnavailable(thrown)) outagesOf(request.server).note(thrown);
  const dialect = dialectOf(request, reply, error);
  void reply.code(statusOf(dialect, error)).headers({ ...error.details.headers, 'cache-control': 'no-store' });
  if (dialect === 'page') {
    const write = (view: View) => errorPage(view, error, request.id);
    void reply.send(request.server.pages.show(request, reply, write));
    return;
  }
  void reply.headers(headersOf(dialect)).send(wordError(dialect, error, request.id));
}

function dialectOf(request: FastifyRequest, reply: FastifyReply, { code }: ApiError): Dialect {
  const dialect = request.dialect ?? request.routeOptions.config.dialect ?? dialectOfPath(pathOf(request.url));
  if (dialect !== 'plain' || !request.is404 || code !== 'not_found') return dialect;
  // Nothing is there, and no document says what: somebody has mistyped an address.
  addVary(reply, 'accept');
  return prefersPage(request) ? 'page' : dialect;
}

const outages = new WeakMap<FastifyInstance, OutageLog>();

/** The log of outages of a server. */
function outagesOf(server: FastifyInstance): OutageLog {
  const known = outages.get(server) ?? new OutageLog(server.log);
  outages.set(server, known);
  return known;
}

function toApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  if (isHangUp(thrown)) return new ApiError('bad_request', 'The request was aborted.');
  if (isDatabaseUnavailable(thrown)) return databaseAway();
  const status =
    thrown instanceof HttpException ? thrown.getStatus() : (thrown as FastifyError | undefined)?.statusCode;
  return status !== undefined && status >= 400 && status < 500 ? ofFramework(status) : unexpected();
}

/** Node's error when a client disconnects in the middle of its request. */
function isHangUp(thrown: unknown): boolean {
  const { code, message } = (thrown ?? {}) as { code?: unknown; message?: unknown };
  return code === 'ECONNRESET' && message === 'aborted';
}

/** In place of the frameworks' own messages, which repeat the client's input. */
const FRAMEWORK_MESSAGES: Partial<Record<ErrorCode, string>> = {
  bad_request: 'The request could not be understood.',
  unauthorized: 'Authentication is required.',
  forbidden: notAllowed().message,
  not_found: 'Not found.',
  body_too_large: bodyTooLarge().message,
  unsupported_media_type: 'The media type of the body is not supported.',
};

function ofFramework(status: number): ApiError {
  const code = (Object.keys(STATUS_OF) as ErrorCode[]).find((candidate) => STATUS_OF[candidate] === status);
  const known = code !== undefined && code in FRAMEWORK_MESSAGES ? code : 'bad_request';
  return new ApiError(known, FRAMEWORK_MESSAGES[known] ?? '');
}
