import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { OpenAPIObject } from '@nestjs/swagger';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Access } from '../access/access.js';
import { etagOf } from '../http/etag.js';
import { suitReaders } from './for-readers.js';

/** What the page loads of Swagger UI. Nothing else of its package is served: maps and logs are none of the page's. */
const ASSETS: Record<string, string> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'swagger-ui-standalone-preset.js': 'text/javascript; charset=utf-8',
  'favicon-16x16.png': 'image/png',
  'favicon-32x32.png': 'image/png',
};

const INIT = 'swagger-ui-init.js';

const SCRIPT = readFileSync(new URL('../html/scripts/swagger-ui.js', import.meta.url), 'utf8');

/** Open to anyone, like all that only describes the API. */
const OPEN: Access = { scheme: 'public', limited: false };

/**
 * Serves Swagger UI at /docs and the description at /docs-json. All of it is in memory: a file that is read for each
 * request stays open for as long as the peer takes.
 *
 * @param baseUrlFor says where the routes are for whoever sends a request: one of a few URLs
 * @param describe called once for each of these, when somebody looks: it takes a while
 */
export function serveSwaggerUi(
  fastify: FastifyInstance,
  baseUrlFor: (request: FastifyRequest) => string,
  describe: (baseUrl: string) => OpenAPIObject,
): void {
  const folder = folderOfSwaggerUi();
  const made = new Map<string, { json: string; init: string }>();
  const description = (request: FastifyRequest) => {
    const baseUrl = baseUrlFor(request);
    const known = made.get(baseUrl);
    if (known) return known;
    const json = JSON.stringify(describe(baseUrl));
    const described = { json, init: initScript(JSON.parse(json) as OpenAPIObject) };
    made.set(baseUrl, described);
    return described;
  };
  const serve = (path: string, send: (reply: FastifyReply, request: FastifyRequest) => FastifyReply) => {
    fastify.get(path, { config: { access: OPEN } }, (request, reply) => send(reply, request));
  };
  for (const path of ['/docs', '/docs/index.html']) {
    serve(path, (reply, { url }) => reply.headers(PAGE_HEADERS).send(page(baseOf(url))));
  }
  serve(`/docs/${INIT}`, (reply, request) =>
    reply.type('text/javascript; charset=utf-8').send(description(request).init),
  );
  serve('/docs-json', (reply, request) =>
    reply.type('application/json; charset=utf-8').send(description(request).json),
  );
  for (const [name, type] of Object.entries(ASSETS)) {
    const content = readFileSync(join(folder, name));
    const headers = { 'content-type': type, 'cache-control': 'public, max-age=300', etag: etagOf(content) };
    serve(`/docs/${name}`, (reply) => reply.headers(headers).send(content));
  }
}

/** @returns where the page's files are, seen from it: it does not know what stands before /docs in PUBLIC_URL */
const baseOf = (url: string) => (/^[^?#]*\/docs([?#]|$)/.test(url) ? './docs/' : './');

/** That which Nest's Swagger module brings. */
function folderOfSwaggerUi(): string {
  const require = createRequire(createRequire(import.meta.url).resolve('@nestjs/swagger'));
  return (require('swagger-ui-dist/absolute-path.js') as () => string)();
}

const PAGE_HEADERS = {
  'content-type': 'text/html',
  // Swagger UI has styles in its elements, and images in its style sheet.
  'content-security-policy':
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; img-src 'self' data:; " +
    "object-src 'none'; style-src 'self' 'unsafe-inline'",
};

const page = (base: string) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Latchkey</title>
<link rel="stylesheet" href="${base}swagger-ui.css">
<link rel="icon" type="image/png" href="${base}favicon-32x32.png" sizes="32x32">
<link rel="icon" type="image/png" href="${base}favicon-16x16.png" sizes="16x16">
<style>
  html { box-sizing: border-box; overflow-y: scroll }
  *, *::before, *::after { box-sizing: inherit }
  body { margin: 0; background: #fafafa }
  .swagger-ui .topbar .download-url-wrapper { display: none }
</style>
</head>
<body>
<div id="swagger-ui"></div>
<script src="${base}swagger-ui-bundle.js"></script>
<script src="${base}swagger-ui-standalone-preset.js"></script>
<script src="${base}${INIT}"></script>
</body>
</html>
`;

/** @returns what the page loads last: the description as its readers want it, and the script that shows it */
const initScript = (document: OpenAPIObject) => `window.spec = ${JSON.stringify(suitReaders(document))};\n${SCRIPT}`;
