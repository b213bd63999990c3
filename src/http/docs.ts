import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';

/** What of an operation's description is changed here. */
interface OperationObject {
  operationId?: string;
}

/** @returns the OpenAPI description of every route, made from the decorators of the controllers */
export function describeApi(app: INestApplication, publicUrl: string): OpenAPIObject {
  const config = new DocumentBuilder()
    .setTitle('Latchkey')
    .setDescription(
      'Accounts, sessions and tokens. Errors are worded as the document that a route comes from has them.',
    )
    .setVersion('0.1.0')
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .addServer(publicUrl)
    .addTag('account', 'Sign-up, sign-in, refresh, sign-out and password reset')
    .addTag('app-token', 'App-Token and Token: login, application tokens, tokens on behalf of')
    .addTag('publicauth', 'API tokens of gateway accounts')
    .addTag('keys', 'The public keys of session tokens')
    .addTag('operations', 'Probes')
    .addBearerAuth(
      { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'The `token` of a session' },
      'session',
    )
    .addApiKey({ type: 'apiKey', in: 'header', name: 'App-Token', description: 'The application' }, 'app-token')
    .addApiKey({ type: 'apiKey', in: 'header', name: 'Token', description: 'The user at the application' }, 'token')
    .addBearerAuth(
      { type: 'http', scheme: 'bearer', description: 'An API token: `api_live_…`, `api_test_…` or `api_…`' },
      'api-token',
    )
    .build();
  const document = SwaggerModule.createDocument(app, config, {
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}_${method}`,
  });
  return withUniqueIds(document);
}

/** A route with two paths is described twice, under one operation id; OpenAPI wants each to be unique. */
function withUniqueIds(document: OpenAPIObject): OpenAPIObject {
  const seen = new Map<string, number>();
  for (const operation of Object.values(document.paths).flatMap((path) => Object.values(path) as OperationObject[])) {
    const id = operation.operationId ?? '';
    const count = (seen.get(id) ?? 0) + 1;
    seen.set(id, count);
    if (count > 1) operation.operationId = `${id}_${count}`;
  }
  return document;
}

/** Serves Swagger UI at /docs and the description at /docs-json. */
export function serveDocs(app: INestApplication, publicUrl: string): void {
  SwaggerModule.setup('docs', app, () => describeApi(app, publicUrl), {
    customSiteTitle: 'Latchkey',
    raw: ['json'],
    swaggerOptions: { persistAuthorization: false, displayRequestDuration: true },
  });
}
