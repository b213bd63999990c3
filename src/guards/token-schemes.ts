import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { AppPrincipal, GatewayPrincipal, UserPrincipal } from '../access/principal.js';
import {
  badApiToken,
  badAppToken,
  badClientAddress,
  badFrontendToken,
  badHeaders,
  clientAddressForbidden,
  noApiToken,
  noFrontendScope,
} from '../access/refusals.js';
import { CONFIG, type Config } from '../config/config.js';
import { canonicalAddress, isWithin } from '../http/client-address.js';
import { after, type MaybePromise } from '../http/maybe-promise.js';
import type { VerifiedToken } from '../tokens/verified-token.js';
import { bearerToken, showsBearer } from './authorization-header.js';
import { TokenAuthenticator } from './token-authenticator.js';

const APP_TOKEN = 'app-token';
const TOKEN = 'token';

/** In which an App-Token with the scope `client-address` passes on the address of its user. */
export const CLIENT_ADDRESS = 'x-client-address';

/** `App-Token`: an application. */
@Injectable()
export class AppTokenScheme {
  constructor(private readonly tokens: TokenAuthenticator) {}

  /** @throws ApiError `unauthorized`; `forbidden`, `invalid_params` for an address that it passes on */
  admits(request: FastifyRequest): MaybePromise<AppPrincipal> {
    return after(this.tokens.check('app', request.headers[APP_TOKEN]), (token) => {
      if (!token) throw badAppToken();
      const principal = { ...appPrincipal(token), clientAddress: clientAddressOf(request, token) };
      request.principal = principal;
      return principal;
    });
  }
}

/** `App-Token` with the scope `frontend`, or nothing with FRONTEND_AUTH=none. */
@Injectable()
export class FrontendScheme {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly tokens: TokenAuthenticator,
  ) {}

  /** @throws ApiError `unauthorized`, `forbidden` */
  admits(request: FastifyRequest): MaybePromise<boolean> {
    if (this.config.frontendAuth === 'none') return true;
    return after(this.tokens.check('app', request.headers[APP_TOKEN]), (token) => {
      if (!token) throw badFrontendToken();
      request.principal = appPrincipal(token);
      if (!token.grant.scopes.includes('frontend')) throw noFrontendScope();
      return true;
    });
  }
}

/** `App-Token` and `Token`: a user at an application. */
@Injectable()
export class UserTokenScheme {
  constructor(private readonly tokens: TokenAuthenticator) {}

  /** @throws ApiError `unauthorized`, which names each header that is missing or invalid */
  admits(request: FastifyRequest): MaybePromise<boolean> {
    const app = this.tokens.check('app', request.headers[APP_TOKEN]);
    const user = this.tokens.check('user', request.headers[TOKEN]);
    if (!(app instanceof Promise || user instanceof Promise)) return this.admitBoth(request, app, user);
    return Promise.all([app, user]).then((both) => this.admitBoth(request, ...both));
  }

  private admitBoth(request: FastifyRequest, app: VerifiedToken | undefined, user: VerifiedToken | undefined): true {
    if (!app || !user) {
      throw badHeaders({ app: !app, user: !user });
    }
    const { accountId, isAdmin, credentialEpoch, actorId, actorEpoch, madeWith } = user.grant;
    request.principal = {
      appTokenId: app.id,
      userTokenId: user.id,
      accountId: accountId ?? '',
      isAdmin,
      credentialEpoch: credentialEpoch ?? -1,
      actorId,
      actorEpoch,
      lineage: actorId === null ? null : [...(madeWith ?? []), user.id],
      clientAddress: passedOn(request, app) ?? null,
    } satisfies UserPrincipal;
    return true;
  }
}

/** `Authorization: Bearer` with an `api` token: an account of the gateway. */
@Injectable()
export class ApiTokenScheme {
  constructor(private readonly tokens: TokenAuthenticator) {}

  /** @throws ApiError `unauthorized` */
  admits(request: FastifyRequest): MaybePromise<boolean> {
    const shown = bearerToken(request);
    if (shown === null && !showsBearer(request)) throw noApiToken();
    const secret = shown ?? '';
    return after(this.tokens.check('api', secret), (token) => {
      if (!token) return this.refuse(secret);
      const { gatewayAccountId, paymentType, serviceExternalId, serviceMode } = token.grant;
      request.principal = {
        gatewayAccountId: gatewayAccountId ?? '',
        tokenLink: token.id,
        paymentType,
        serviceExternalId,
        serviceMode,
      } satisfies GatewayPrincipal;
      return true;
    });
  }

  private async refuse(secret: string): Promise<never> {
    throw badApiToken(await this.tokens.findRevoked('api', secret));
  }
}

function appPrincipal({ id, grant }: VerifiedToken): AppPrincipal {
  return { tokenId: id, accountId: grant.accountId ?? '', clientAddress: null };
}

/** @throws ApiError */
function clientAddressOf(request: FastifyRequest, app: VerifiedToken): string | null {
  if (request.headers[CLIENT_ADDRESS] === undefined) return null;
  if (!mayPassOn(request, app)) throw clientAddressForbidden();
  const address = passedOn(request, app);
  if (address === undefined) throw badClientAddress();
  return address;
}

const mayPassOn = ({ ip }: FastifyRequest, { grant: { scopes, networks } }: VerifiedToken) =>
  scopes.includes('client-address') && isWithin(ip, networks ?? []);

/** @returns the address that an application passes on, if it is one and the application may */
function passedOn(request: FastifyRequest, app: VerifiedToken): string | undefined {
  const shown = request.headers[CLIENT_ADDRESS];
  return typeof shown === 'string' && mayPassOn(request, app) ? canonicalAddress(shown) : undefined;
}
