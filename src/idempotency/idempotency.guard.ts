import {
  Catch,
  Injectable,
  type ArgumentsHost,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
} from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { MaybePromise } from '../http/maybe-promise.js';
import { replyOf, requestOf } from '../http/request-of.js';
import { Idempotency } from './idempotency.service.js';

/** Thrown in place of carrying a request out, as another has got the answer with its key. */
class AnsweredBefore extends Error {}

/**
 * Asks whether a request is to be carried out. After the other guards, which have checked the credential, whether or not there is an
 * answer already. No interceptor: that would make Nest build observables for every request, and few have a key.
 */
@Injectable()
export class IdempotencyGuard implements CanActivate {
  constructor(private readonly idempotency: Idempotency) {}

  canActivate(context: ExecutionContext): MaybePromise<true> {
    const request = requestOf(context);
    const header = request.headers['idempotency-key'];
    return header === undefined ? true : this.begin(request, String(header));
  }

  private async begin(request: FastifyRequest, header: string): Promise<true> {
    if (!(await this.idempotency.begin(request, header))) throw new AnsweredBefore();
    return true;
  }
}

@Catch(AnsweredBefore)
export class AnsweredBeforeFilter implements ExceptionFilter {
  catch(_thrown: AnsweredBefore, host: ArgumentsHost): void {
    // `Idempotency.watch` puts the answer in its place.
    void replyOf(host).send({});
  }
}
