import { applyDecorators, type Type } from '@nestjs/common';
import { ApiBearerAuth, ApiExtension, ApiSecurity } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { Dialect } from '../errors/dialects.js';
import type { ClientScope } from './client-scopes.js';
import type { Principal } from './principal.js';
import { addToRouteConfig } from './route-config.js';

/** What a route requires of a request. Plain data, which the guard in `guards` enforces. */
export type Access =
  /**
   * Anyone. `limited`: at most RATE_LIMIT_PER_MINUTE requests a minute from one client address; `limitedWith`: only those that
   * have this parameter in their query. `session`: the JWT of a live session may be shown too.
   */
  | { scheme: 'public'; limited: boolean; limitedWith?: string; session?: true }
  /** `Authorization: Bearer` with the JWT of a live session. */
  | { scheme: 'session' }
  /** `App-Token`. Limited like public routes, as whoever holds one can try passwords. */
  | { scheme: 'app' }
  /** `App-Token` with the scope `frontend`, or anyone (FRONTEND_AUTH). */
  | { scheme: 'frontend' }
  /** `App-Token` and `Token`. */
  | { scheme: 'user' }
  /** `Authorization: Bearer` with an `api` token. */
  | { scheme: 'api' }
  /** A client with the scope: `Authorization: Bearer` with its access token, or Basic with its id and secret. */
  | { scheme: 'client'; scope: ClientScope }
  /** Either of `session` and `client`: the credential decides which. */
  | { scheme: 'session-or-client'; scope: ClientScope }
  /** A client's id and secret, as Basic or in the body (RFC 6749 section 2.3.1). `scope`: the one it must have. */
  | { scheme: 'client-secret'; scope?: ClientScope };

/** Credentials that are in bodies, or that a page's form sends. */
export type ShownInBody = 'password' | 'refresh_token' | 'link';

/** What clients and applications read, by the kinds of the audit log. */
export type NotedRead = 'account.listed' | 'account.read' | 'token.introspected' | 'token.listed';

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
    /** What the body proves, for the log. */
    proves?: ShownInBody;
    /** The kind of audit event that counts what clients and applications read here. */
    notesReads?: NotedRead;
    /** Whether the route also accepts application/x-www-form-urlencoded. */
    acceptsForms?: boolean;
    /** Whether an empty field of a form counts as absent. */
    dropsEmptyFields?: boolean;
  }
  interface FastifyRequest {
    principal?: Principal;
  }
}

/** A limit of which clients are told how much is left. */
export type RateLimitPolicy = 'requests' | 'writes';

/** Says in OpenAPI which limit a route has; `writes` is not for GET. */
export const RATE_LIMIT = 'x-rate-limit';
const limitedBy = (policy: RateLimitPolicy) => ApiExtension(RATE_LIMIT, policy);

/** The route is open to anyone; see {@link Access}. */
export const Public = ({
  limited = false,
  limitedWith,
  session = false,
}: { limited?: boolean; limitedWith?: string; session?: boolean } = {}): MethodDecorator =>
  applyDecorators(
    addToRouteConfig({
      access: { scheme: 'public', limited, ...(limitedWith && { limitedWith }), ...(session && { session }) },
    }),
    ...(limited ? [limitedBy('requests')] : []),
    ...(session ? [ApiSecurity({}), ApiBearerAuth('session')] : []),
  );

/** The route requires the JWT of a live session; see {@link RequestBy}. */
export const SessionRequired = (): MethodDecorator =>
  applyDecorators(addToRouteConfig({ access: { scheme: 'session' } }), ApiBearerAuth('session'), limitedBy('writes'));

/** The route requires an App-Token. */
export const AppTokenRequired = (): MethodDecorator =>
  applyDecorators(addToRouteConfig({ access: { scheme: 'app' } }), ApiSecurity('app-token'), limitedBy('requests'));

/** The route requires an App-Token with the scope `frontend`, unless FRONTEND_AUTH is `none`. */
export const FrontendOnly = (): MethodDecorator =>
  applyDecorators(addToRouteConfig({ access: { scheme: 'frontend' } }), ApiSecurity('app-token'));

/** The route requires an App-Token and the Token of a user. */
export const UserTokenRequired = (): MethodDecorator =>
  applyDecorators(
    addToRouteConfig({ access: { scheme: 'user' } }),
    ApiSecurity({ 'app-token': [], token: [] }),
    limitedBy('writes'),
  );

/** The route requires an `api` token. */
export const ApiTokenRequired = (): MethodDecorator =>
  applyDecorators(addToRouteConfig({ access: { scheme: 'api' } }), ApiBearerAuth('api-token'));

/**
 * Bearer tokens come last, here and where a session does too. Generated clients and Swagger UI send what they have for the
 * last scheme, and many have one credential for all of them: a token, which as Basic would be refused.
 */
const AsClient = (scope: ClientScope) => applyDecorators(ApiSecurity('client'), ApiSecurity('oauth2', [scope]));

/** The route requires a client with the scope: by its access token, or by its id and secret. */
export const ClientRequired = (scope: ClientScope): MethodDecorator =>
  applyDecorators(addToRouteConfig({ access: { scheme: 'client', scope } }), AsClient(scope));

/** The route requires the JWT of a live session, or a client with the scope. */
export const SessionOrClientRequired = (scope: ClientScope): MethodDecorator =>
  applyDecorators(
    addToRouteConfig({ access: { scheme: 'session-or-client', scope } }),
    AsClient(scope),
    ApiBearerAuth('session'),
  );

/** The route requires a client's id and secret, as HTTP Basic or as fields of the body. */
export const ClientSecretRequired = (scope?: ClientScope): MethodDecorator =>
  applyDecorators(
    addToRouteConfig({ access: { scheme: 'client-secret', ...(scope && { scope }) } }),
    ApiSecurity('client'),
  );

/** The body of the route has a credential of this kind, which the log names. */
export const Proves = (kind: ShownInBody): MethodDecorator => addToRouteConfig({ proves: kind });

/** The route accepts HTML forms as well as JSON. `dropsEmpty`: an empty field of a form counts as absent. */
export const AcceptsForms = ({ dropsEmpty = false } = {}): MethodDecorator =>
  addToRouteConfig({ acceptsForms: true, ...(dropsEmpty && { dropsEmptyFields: true }) });

/** What clients and applications read here is counted in the audit log. */
export const NotesReads = (kind: NotedRead): MethodDecorator => addToRouteConfig({ notesReads: kind });

/** Bodies of the route may be larger than 64 KiB (BODY_LIMIT). */
export const TakesLargeBodies = (): MethodDecorator => addToRouteConfig({ takesLargeBodies: true });

/** Bodies of the route have many records: they may be large (BODY_LIMIT), and hold more than others. */
export const TakesBatches = (): MethodDecorator => addToRouteConfig({ takesLargeBodies: true, takesBatches: true });

/** The body of the route, a change, may be empty: it changes nothing. */
export const AcceptsEmptyChanges = (): MethodDecorator => addToRouteConfig({ acceptsEmptyChanges: true });

/** Every route of the controller words its errors in this dialect. */
export const SpeaksDialect = (dialect: Dialect): ClassDecorator => onEachRoute(addToRouteConfig({ dialect }));

/**
 * The route, or every route of the controller, ignores fields and parameters that it does not know; all others refuse them
 * by name. For routes of documents whose clients send more, and for those whose standard asks for it.
 */
export const IgnoresUnknown =
  (): ClassDecorator & MethodDecorator => (target: object, key?: string | symbol, descriptor?: PropertyDescriptor) => {
    if (key !== undefined && descriptor) IGNORES_UNKNOWN(target, key, descriptor);
    else onEachRoute(IGNORES_UNKNOWN)(target as Type);
  };

/** For the description; see `openapi/closed-bodies.ts`. */
export const IGNORES_UNKNOWN_EXTENSION = 'x-ignores-unknown';

const IGNORES_UNKNOWN = applyDecorators(
  addToRouteConfig({ ignoresUnknown: true }),
  ApiExtension(IGNORES_UNKNOWN_EXTENSION, true),
);

function onEachRoute(decorator: MethodDecorator): ClassDecorator {
  return (controller) => {
    const prototype = controller.prototype as object;
    for (const name of Object.getOwnPropertyNames(prototype)) {
      const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
      if (name !== 'constructor' && typeof descriptor?.value === 'function') {
        decorator(prototype, name, descriptor);
      }
    }
  };
}

/**
 * A request whose credential proved this principal. To be had by `@Req()`: a decorator of our own would be put through the pipes for
 * bodies, queries and parameters, for every request.
 */
export type RequestBy<P extends Principal | undefined> = FastifyRequest & { principal: P };
