import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { ClientScope } from '../access/client-scopes.js';
import type { ClientPrincipal } from '../access/principal.js';
import {
  badAccessToken,
  badClient,
  insufficientScope,
  noAccessToken,
  parameterInUrl,
  severalWays,
} from '../access/refusals.js';
import { CONFIG, type Config } from '../config/config.js';
import { ApiError, BEARER } from '../errors/api-error.js';
import { after, type MaybePromise } from '../http/maybe-promise.js';
import { Metrics } from '../metrics/metrics.service.js';
import { ClientSecretChecks } from '../oauth/client-secret-checks.service.js';
import { TOKEN_KINDS } from '../tokens/token-kinds.js';
import {
  basicCredentials,
  bearerToken,
  isBasic,
  isRepeated,
  showsBearer,
  type ShownSecret,
} from './authorization-header.js';
import { TokenAuthenticator } from './token-authenticator.js';

/** Authenticates a client by its access token (RFC 6750), or by its id and secret as HTTP Basic. */
@Injectable()
export class ClientScheme {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly clients: ClientSecretChecks,
    private readonly tokens: TokenAuthenticator,
    private readonly metrics: Metrics,
  ) {}

  /** Whether a request presents a client's kind of credential, valid or not. */
  isMeant(request: FastifyRequest): boolean {
    return isBasic(request) || TOKEN_KINDS.oauth.format.recognises(bearerToken(request) ?? '');
  }

  /** @throws ApiError `bad_request`, `unauthorized`, `forbidden`, `rate_limited` */
  admits(request: FastifyRequest, scope: ClientScope): MaybePromise<boolean> {
    if (isRepeated(request) || valueOf(request.query, 'access_token') || valueOf(request.body, 'access_token')) {
      throw new ApiError('bad_request', 'Send exactly one credential, in the Authorization header.', {
        headers: { 'www-authenticate': `${BEARER}, error="invalid_request"` },
      });
    }
    const byBasic = isBasic(request);
    return after(byBasic ? this.bySecret(request) : this.byToken(request), (client) => {
      request.principal = client;
      if (!client.scopes.includes(scope)) throw insufficientScope(scope, !byBasic);
      return true;
    });
  }

  private bySecret(request: FastifyRequest): MaybePromise<ClientPrincipal> {
    const shown = basicCredentials(request);
    const check = shown && this.clients.authenticate(shown, request.ip);
    return after(this.metrics.counted('client', check), (client) => {
      if (!client) throw badClient();
      return client;
    });
  }

  private byToken(request: FastifyRequest): MaybePromise<ClientPrincipal> {
    if (!showsBearer(request)) throw noAccessToken();
    return after(this.tokens.check('oauth', bearerToken(request) ?? ''), (token) => {
      if (!token || !this.isForUs(token.grant.resource)) throw badAccessToken();
      return { clientId: token.grant.clientId ?? '', scopes: token.grant.scopes, tokenId: token.id };
    });
  }

  /** Latchkey takes no token that was asked for another resource server (RFC 8707 section 2, RFC 9700 section 2.3). */
  private isForUs(resource: string | null): boolean {
    const { publicUrl } = this.config;
    return resource === null || resource === publicUrl || resource.startsWith(`${publicUrl}/`);
  }
}

/**
 * Authenticates a client at the OAuth2 endpoints by its id and secret, as Basic or in the body (RFC 6749 section
 * 2.3.1).
 */
@Injectable()
export class ClientSecretScheme {
  constructor(
    private readonly clients: ClientSecretChecks,
    private readonly metrics: Metrics,
  ) {}

  /** @throws ApiError `bad_request`, `unauthorized`, `forbidden`, `rate_limited` */
  admits(request: FastifyRequest, scope: ClientScope | undefined): MaybePromise<boolean> {
    refuseParametersInUrl(request);
    const shown = shownSecret(request);
    // Without a credential there is no check to count.
    if (!shown && !isBasic(request)) throw badClient();
    const check = shown && this.clients.authenticate(shown, request.ip);
    return after(this.metrics.counted('client', check), (client) => {
      if (!client) throw badClient();
      request.principal = client;
      if (scope !== undefined && !client.scopes.includes(scope)) throw insufficientScope(scope, false);
      return true;
    });
  }
}

const CREDENTIALS = ['client_id', 'client_secret', 'client_assertion', 'access_token', 'token'];
/** What requests to the OAuth2 endpoints say. Others have to be ignored (section 3.2). */
const PARAMETERS = [...CREDENTIALS, 'client_assertion_type', 'grant_type', 'resource', 'scope', 'token_type_hint'];

/**
 * Parameters belong into the body (sections 2.3.1 and 3.2). One in the URL is not ignored: a client would believe that it
 * has been heard, and URLs are logged.
 *
 * @throws ApiError `bad_request`
 */
function refuseParametersInUrl({ query }: FastifyRequest): void {
  const isSent = (name: string) => valueOf(query, name) !== undefined;
  if (CREDENTIALS.some(isSent)) throw new ApiError('bad_request', 'Do not send credentials in the URL.');
  const found = PARAMETERS.find(isSent);
  if (found) throw parameterInUrl(found);
}

/** @throws ApiError `bad_request` for more than one authentication method (section 2.3) */
function shownSecret(request: FastifyRequest): ShownSecret | undefined {
  const [id, secret] = ['client_id', 'client_secret'].map((name) => valueOf(request.body, name));
  // Also where the first is empty: a proxy may have looked at the other.
  if (isRepeated(request)) throw severalWays();
  if (!request.headers.authorization) {
    return typeof id === 'string' && typeof secret === 'string' ? { id, secret } : undefined;
  }
  const basic = basicCredentials(request);
  // Some libraries repeat the id in the body, which is not a second authentication method.
  if (secret !== undefined || (id !== undefined && basic && id !== basic.id)) {
    throw severalWays();
  }
  return basic;
}

/** A parameter without a value counts as absent (section 3.2). */
function valueOf(parameters: unknown, name: string): unknown {
  const value = (parameters as Record<string, unknown> | null | undefined)?.[name];
  return value === '' ? undefined : value;
}
