import { applyDecorators, createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiBearerAuth, ApiSecurity } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { Dialect } from '../errors/dialects.js';
import type { ClientScope } from './client-scopes.js';
import type { Principal } from './principal.js';
import { addToRouteConfig } from './route-config.js';

/** What a route asks of a request. Plain data: the guard in `guards` acts on it. */
export type Access =
  /** Anyone; `limited`: so many requests a minute and client address (RATE_LIMIT_PER_MINUTE). */
  | { scheme: 'public'; limited: boolean }
  /** `Authorization: Bearer` with the JWT of a live session. */
  | { scheme: 'session' }
  /** `App-Token`; limited like public routes: applications carry it, and it lets passwords be tried. */
  | { scheme: 'app' }
  /** `App-Token` with the scope `frontend`, or anyone (FRONTEND_AUTH). */
  | { scheme: 'frontend' }
  /** `App-Token` and `Token`. */
  | { scheme: 'user' }
  /** `Authorization: Bearer` with an `api` token. */
  | { scheme: 'api' }
  /** `Authorization: Bearer` with an access token that has the scope, or Basic with the id and secret of such a client. */
  | { scheme: 'client'; scope: ClientScope }
  /** Either of `session` and `client`: the credential decides which. */
  | { scheme: 'session-or-client'; scope: ClientScope }
  /** A client's id and secret, as Basic or in the body (RFC 6749 section 2.3.1); `scope`: it was registered with that. */
  | { scheme: 'client-secret'; scope?: ClientScope };

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
    /** Whether the route takes application/x-www-form-urlencoded too. */
    acceptsForms?: boolean;
  }
  interface FastifyRequest {
    principal?: Principal;
  }
}

/** The route is open to anyone. */
export const Public = (options: { limited?: boolean } = {}): MethodDecorator =>
  addToRouteConfig({ access: { scheme: 'public', limited: options.limited ?? false } });

/** The route wants the JWT of a live session; see {@link CurrentPrincipal}. */
export const SessionRequired = (): MethodDecorator =>
  applyDecorators(addToRouteConfig({ access: { scheme: 'session' } }), ApiBearerAuth('session'));

/** The route wants an App-Token. */
export const AppTokenRequired = (): MethodDecorator =>
  applyDecorators(addToRouteConfig({ access: { scheme: 'app' } }), ApiSecurity('app-token'));

/** The route wants an App-Token with the scope `frontend`, unless FRONTEND_AUTH leaves it to the network. */
export const FrontendOnly = (): MethodDecorator =>
  applyDecorators(addToRouteConfig({ access: { scheme: 'frontend' } }), ApiSecurity('app-token'));

/** The route wants an App-Token and the Token of a user. */
export const UserTokenRequired = (): MethodDecorator =>
  applyDecorators(addToRouteConfig({ access: { scheme: 'user' } }), ApiSecurity({ 'app-token': [], token: [] }));

/** The route wants an `api` token. */
export const ApiTokenRequired = (): MethodDecorator =>
  applyDecorators(addToRouteConfig({ access: { scheme: 'api' } }), ApiBearerAuth('api-token'));

const AsClient = (scope: ClientScope) => applyDecorators(ApiSecurity('oauth2', [scope]), ApiSecurity('client'));

/** The route wants a client with the scope: by its access token, or by its id and secret. */
export const ClientRequired = (scope: ClientScope): MethodDecorator =>
  applyDecorators(addToRouteConfig({ access: { scheme: 'client', scope } }), AsClient(scope));

/** The route wants the JWT of a live session, or a client with the scope. */
export const SessionOrClientRequired = (scope: ClientScope): MethodDecorator =>
  applyDecorators(
    addToRouteConfig({ access: { scheme: 'session-or-client', scope } }),
    ApiBearerAuth('session'),
    AsClient(scope),
  );

/** The route wants a client's id and secret, as HTTP Basic or as fields of the body. */
export const ClientSecretRequired = (scope?: ClientScope): MethodDecorator =>
  applyDecorators(
    addToRouteConfig({ access: { scheme: 'client-secret', ...(scope && { scope }) } }),
    ApiSecurity('client'),
  );

/** The route takes what a plain HTML form sends, besides JSON. */
export const AcceptsForms = (): MethodDecorator => addToRouteConfig({ acceptsForms: true });

/** Bodies of the route may be larger than 64 KiB (BODY_LIMIT). */
export const TakesLargeBodies = (): MethodDecorator => addToRouteConfig({ takesLargeBodies: true });

/** Every route of the controller words its errors in this dialect. */
export function SpeaksDialect(dialect: Dialect): ClassDecorator {
  return (controller) => {
    const prototype = controller.prototype as object;
    for (const name of Object.getOwnPropertyNames(prototype)) {
      const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
      if (name !== 'constructor' && typeof descriptor?.value === 'function') {
        addToRouteConfig({ dialect })(prototype, name, descriptor);
      }
    }
  };
}

/** The parameter is who the credential of the request proved to be. */
export const CurrentPrincipal = createParamDecorator(
  (_: unknown, context: ExecutionContext) => context.switchToHttp().getRequest<FastifyRequest>().principal,
);
