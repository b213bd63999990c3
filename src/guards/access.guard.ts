import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Access, RateLimitPolicy } from '../access/access.js';
import { CONFIG, type Config } from '../config/config.js';
import { ApiError, tooManyRequests } from '../errors/api-error.js';
import { addressForLimits } from '../http/client-address.js';
import { after, type MaybePromise } from '../http/maybe-promise.js';
import { replyOf, requestOf } from '../http/request-of.js';
import { routeOf } from '../http/route-of.js';
import { Limits, type Limit } from '../limits/limits.service.js';
import { BearerJwtScheme } from './bearer-jwt.scheme.js';
import { ClientScheme, ClientSecretScheme } from './client-schemes.js';
import { ApiTokenScheme, AppTokenScheme, CLIENT_ADDRESS, FrontendScheme, UserTokenScheme } from './token-schemes.js';

/**
 * The guard of all routes. It enforces what a route declares (see `access`), and denies routes that declare nothing.
 */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly limits: Limits,
    private readonly bearerJwt: BearerJwtScheme,
    private readonly appToken: AppTokenScheme,
    private readonly frontend: FrontendScheme,
    private readonly userToken: UserTokenScheme,
    private readonly apiToken: ApiTokenScheme,
    private readonly client: ClientScheme,
    private readonly clientSecret: ClientSecretScheme,
  ) {}

  /** Answers at once where nothing has to be looked up. */
  canActivate(context: ExecutionContext): MaybePromise<boolean> {
    const [request, reply] = [requestOf(context), replyOf(context)];
    const { url = '', config } = routeOf(request);
    const { access } = config;
    if (!access) throw new Error(`${request.method} ${url} declares no access.`);
    switch (access.scheme) {
      case 'public':
        return this.admitAnyone(request, reply, access);
      case 'session':
        return after(this.bearerJwt.admits(request), () => this.limitWrites(request, reply));
      case 'app':
        return this.admitApp(request, reply);
      case 'frontend':
        return this.frontend.admits(request);
      case 'user':
        return after(this.userToken.admits(request), () => this.limitWrites(request, reply));
      case 'api':
        return this.apiToken.admits(request);
      case 'client':
        return this.client.admits(request, access.scope);
      case 'client-secret':
        return this.clientSecret.admits(request, access.scope);
      case 'session-or-client':
        if (!this.client.isMeant(request)) return this.bearerJwt.admits(request);
        request.dialect = 'connect';
        return this.client.admits(request, access.scope);
    }
  }

  private admitAnyone(
    request: FastifyRequest,
    reply: FastifyReply,
    { limited, limitedWith, session }: Access & { scheme: 'public' },
  ): MaybePromise<boolean> {
    const admit = () =>
      !session || request.headers.authorization === undefined ? true : this.bearerJwt.admits(request);
    const isCounted = limited || (limitedWith !== undefined && Object.hasOwn(request.query as object, limitedWith));
    return isCounted ? this.limitRequests(addressForLimits(request.ip), reply).then(admit) : admit();
  }

  /** @throws ApiError `rate_limited` */
  private limitWrites({ method, principal }: FastifyRequest, reply: FastifyReply): MaybePromise<true> {
    const most = this.config.writeLimitPerMinute;
    if (most === 0 || method === 'GET' || method === 'HEAD' || !principal || !('credentialEpoch' in principal)) {
      return true;
    }
    const actor = ('actorId' in principal ? principal.actorId : null) ?? principal.accountId;
    const limit = { key: `writes ${actor}`, most, seconds: 60 };
    return this.limit('writes', limit, reply).then(() => true);
  }

  /** Each user whose address an application passes on has a limit of their own. @throws ApiError */
  private async admitApp(request: FastifyRequest, reply: FastifyReply): Promise<true> {
    const own = addressForLimits(request.ip);
    const passesOn = request.headers[CLIENT_ADDRESS] !== undefined && !this.limits.isReached(this.requestsFrom(own));
    if (!passesOn) await this.limitRequests(own, reply);
    try {
      const { tokenId, clientAddress } = await this.appToken.admits(request);
      if (passesOn) await this.limitRequests(`${tokenId} ${addressForLimits(clientAddress ?? own)}`, reply);
    } catch (error) {
      if (passesOn && error instanceof ApiError && error.code !== 'rate_limited') await this.limitRequests(own, reply);
      throw error;
    }
    return true;
  }

  private async limitRequests(from: string, reply: FastifyReply): Promise<void> {
    if (this.config.rateLimitPerMinute > 0) await this.limit('requests', this.requestsFrom(from), reply);
  }

  private requestsFrom(from: string): Limit {
    return { key: `requests ${from}`, most: this.config.rateLimitPerMinute, seconds: 60 };
  }

  /** Tells what is left of the limit, in the headers of draft-ietf-httpapi-ratelimit-headers. */
  private async limit(policy: RateLimitPolicy, limit: Limit, reply: FastifyReply): Promise<void> {
    const { isReached, remaining, seconds } = await this.limits.use(limit);
    void reply.headers({
      'ratelimit-policy': `"${policy}";q=${limit.most};w=${limit.seconds}`,
      ratelimit: `"${policy}";r=${remaining};t=${Math.max(1, Math.ceil(seconds))}`,
    });
    if (isReached) throw tooManyRequests(seconds);
  }
}
