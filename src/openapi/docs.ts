import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import type { FastifyInstance } from 'fastify';
import { CLIENT_SCOPES } from '../access/client-scopes.js';
import { VERSION } from '../config/version.js';
import type { Connections } from '../http/connections.js';
import { completeDescription } from './description.js';
import { serveSwaggerUi } from './swagger-ui.js';

/**
 * @param publicUrl where the routes are; empty: where the description is
 * @returns the OpenAPI description of every route, made from the decorators of the controllers
 */
export function describeApi(app: INestApplication, publicUrl: string): OpenAPIObject {
  const config = new DocumentBuilder()
    .setTitle('Latchkey')
    .setDescription(
      'Accounts, sessions and tokens. Errors are worded as the document that a route comes from has them. ' +
        'Paths may end in a slash. A GET that may be cached has an `ETag`, and answers 304 to `If-None-Match`. ' +
        'A request that is too slow is answered 408, and one whose head is over 16 KiB 431.',
    )
    .setVersion(VERSION)
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .addServer(publicUrl || '/')
    // In the order in which one needs them: Swagger UI shows them in it.
    .addTag('account', 'Sign-up, sign-in, refresh, sign-out and password reset (seed account)')
    .addTag(
      'app-token',
      'App-Token and Token headers: login, application tokens, tokens on behalf of other users (seed app-token)',
    )
    .addTag('publicauth', 'API tokens of gateway accounts (seed publicauth)')
    .addTag('oauth', 'OAuth2 client credentials, introspection, revocation, metadata')
    .addTag('connect', 'Accounts for clients, identifications (seed connect)')
    .addTag('admin', 'Accounts, sessions and the audit log, for admins (App-Token and Token headers)')
    .addTag('keys', 'Public keys of session tokens')
    .addTag('operations', 'Probes and Prometheus metrics')
    .addSecurity('session', {
      type: 'http',
      scheme: 'bearer',
      bearerFormat: 'JWT',
      description: 'A session token',
    })
    .addSecurity('app-token', {
      type: 'apiKey',
      in: 'header',
      name: 'App-Token',
      description: 'Identifies the application',
    })
    .addSecurity('token', { type: 'apiKey', in: 'header', name: 'Token', description: 'Identifies the user' })
    .addSecurity('api-token', {
      type: 'http',
      scheme: 'bearer',
      description: 'An API token: `api_live_…`, `api_test_…` or `api_…`',
    })
    .addSecurity('oauth2', {
      type: 'oauth2',
      description: 'An access token of a client',
      flows: { clientCredentials: { tokenUrl: `${publicUrl}/oauth/token`, scopes: CLIENT_SCOPES } },
    })
    .addSecurity('client', { type: 'http', scheme: 'basic', description: 'The id and secret of a client' })
    .build();
  const document = SwaggerModule.createDocument(app, config, {
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}_${method}`,
  });
  return completeDescription(document);
}

/**
 * Serves Swagger UI at /docs and the description at /docs-json. At the door of admins the description leads back there, as not
 * every route is at PUBLIC_URL then, and a page may not call another origin.
 */
export function serveDocs(app: INestApplication, publicUrl: string, connections: Connections): void {
  serveSwaggerUi(
    app.getHttpAdapter().getInstance() as FastifyInstance,
    ({ raw }) => (connections.doorOf(raw.socket) === 'admin' ? '' : publicUrl),
    (url) => describeApi(app, url),
  );
}
