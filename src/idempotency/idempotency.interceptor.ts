import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { of, type Observable } from 'rxjs';
import { Idempotency } from './idempotency.service.js';

/** After the guards, which have checked the credential, whether or not there is an answer already. */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  constructor(private readonly idempotency: Idempotency) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    // `Idempotency.watch` puts the answer in its place.
    return (await this.idempotency.begin(request)) ? next.handle() : of({});
  }
}
