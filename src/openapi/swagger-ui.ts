import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { OpenAPIObject } from '@nestjs/swagger';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Access } from '../access/access.js';
import { Compressed } from './compressed.js';
import { suitReaders } from './for-readers.js';

/** What the page loads of Swagger UI. Nothing else of its package is served: maps and logs are none of the page's. */
const ASSETS = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'swagger-ui-standalone-preset.js': 'text/javascript; charset=utf-8',
  'favicon-16x16.png': 'image/png',
  'favicon-32x32.png': 'image/png',
} as const;

const INIT = 'swagger-ui-init.js';

const STYLE = readFileSync(new URL('../html/swagger-ui.css', import.meta.url), 'utf8');
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
  const made = new Map<string, { json: Compressed; init: Compressed }>();
  const description = (request: FastifyRequest) => {
    const baseUrl = baseUrlFor(request);
    const known = made.get(baseUrl);
    if (known) return known;
    const json = JSON.stringify(describe(baseUrl));
    const described = {
      json: new Compressed(json, 'application/json; charset=utf-8'),
      init: new Compressed(initScript(JSON.parse(json) as OpenAPIObject), ASSETS['swagger-ui-bundle.js']),
    };
    made.set(baseUrl, described);
    return described;
  };
  const serve = (path: string, send: (reply: FastifyReply, request: FastifyRequest) => unknown) => {
    fastify.get(path, { config: { access: OPEN } }, (request, reply) => send(reply, request));
  };
  const assets = readAssets();
  for (const path of ['/docs', '/docs/index.html']) {
    serve(path, (reply, { url }) => reply.headers(PAGE_HEADERS).send(page(baseOf(url), assets)));
  }
  serve(`/docs/${INIT}`, (reply, request) => description(request).init.send(request, reply));
  serve('/docs-json', (reply, request) => description(request).json.send(request, reply));
  for (const [name, asset] of Object.entries(assets)) {
    const version = versionOf(asset);
    serve(`/docs/${name}`, (reply, request) => {
      const isVersion = (request.query as { v?: unknown }).v === version;
      // Under its own address it never changes; under the plain one it does with a release.
      void reply.header('cache-control', isVersion ? 'public, max-age=31536000, immutable' : 'public, no-cache');
      return asset.send(request, reply);
    });
  }
}

type Assets = Record<keyof typeof ASSETS, Compressed>;

function readAssets(): Assets {
  const folder = folderOfSwaggerUi();
  const read = Object.entries(ASSETS).map(([name, type]) => [
    name,
    new Compressed(readFileSync(join(folder, name)), type),
  ]);
  return Object.fromEntries(read) as Assets;
}

/** @returns what tells one content from another in an address */
const versionOf = ({ etag }: Compressed) => etag.slice(1, 17);

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

function page(base: string, assets: Assets): string {
  const addressOf = (name: keyof Assets) => `${base}${name}?v=${versionOf(assets[name])}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Latchkey</title>
<link rel="stylesheet" href="${addressOf('swagger-ui.css')}">
<link rel="icon" type="image/png" href="${addressOf('favicon-32x32.png')}" sizes="32x32">
<link rel="icon" type="image/png" href="${addressOf('favicon-16x16.png')}" sizes="16x16">
<style>${STYLE}</style>
</head>
<body>
<div id="swagger-ui"></div>
<script src="${addressOf('swagger-ui-bundle.js')}"></script>
<script src="${addressOf('swagger-ui-standalone-preset.js')}"></script>
<script src="${base}${INIT}"></script>
</body>
</html>
`;
}

/** @returns what the page loads last: the description as its readers want it, and the script that shows it */
const initScript = (document: OpenAPIObject) => `window.spec = ${JSON.stringify(suitReaders(document))};\n${SCRIPT}`;
