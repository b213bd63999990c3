import { STATUS_CODES } from 'node:http';
import type { OpenAPIObject } from '@nestjs/swagger';
import { RATE_LIMIT } from '../access/access.js';
import { LONGEST_PARAMETER } from '../http/adapter.js';
import { closeBodies } from './closed-bodies.js';
import { showCredentialsApart, suitGenerators } from './for-generators.js';

export type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;
type Content = Record<string, MediaType>;
export type Schemas = Record<string, Schema>;

export interface MediaType {
  schema?: Schema;
  example?: unknown;
  examples?: Record<string, unknown>;
}

/** The part of a schema that is read here. */
export interface Schema {
  $ref?: string;
  title?: string;
  description?: string;
  default?: unknown;
  nullable?: boolean;
  example?: unknown;
  properties?: Schemas;
  required?: string[];
  additionalProperties?: boolean;
  items?: Schema;
  allOf?: Schema[];
  oneOf?: Schema[];
  anyOf?: Schema[];
}

interface Parameter {
  in: string;
  schema?: { type?: string; format?: string; maxLength?: number };
}

/** Completes what Nest has made of the decorators, so that each operation can be understood and tried by itself. */
export function completeDescription(document: OpenAPIObject): OpenAPIObject {
  describeLimits(document);
  const operations = Object.values(document.paths).flatMap((path) => Object.values(path) as Operation[]);
  const schemas = ((document.components ??= {}).schemas ??= {}) as Schemas;
  closeBodies(operations, schemas);
  suitGenerators(document, operations);
  for (const operation of operations) {
    operation.security ??= [];
    for (const parameter of operation.parameters ?? []) limitPath(parameter as Parameter);
    for (const [status, response] of Object.entries(operation.responses) as [string, { description: string }][]) {
      response.description ||= STATUS_CODES[status] ?? '';
    }
    for (const media of contentsOf(operation)) {
      if (media.schema) media.schema = shareTitled(media.schema, schemas);
      if (media.example === undefined && !media.examples) Object.assign(media, examplesOf(media.schema, schemas));
    }
  }
  showCredentialsApart(operations);
  return document;
}

/** Those of draft-ietf-httpapi-ratelimit-headers-10. */
const LIMIT_HEADERS = {
  'RateLimit-Policy': {
    description: 'The limit on requests of one address, or on writes of one account: `q` in `w` seconds',
    schema: { type: 'string' },
    example: '"requests";q=120;w=60',
  },
  RateLimit: {
    description: 'What is left of it: `r` for `t` seconds',
    schema: { type: 'string' },
    example: '"requests";r=119;t=60',
  },
} as const;

/** Adds to limited routes the headers that say what is left, of what was done and of what was one too many. */
function describeLimits({ paths, components = {} }: OpenAPIObject): void {
  let isAny = false;
  for (const [method, operation] of Object.values(paths).flatMap((path) => Object.entries(path))) {
    const limited = operation as Operation & { [RATE_LIMIT]?: string };
    const { [RATE_LIMIT]: policy, responses } = limited;
    // Only for this.
    delete limited['x-rate-limit'];
    if (policy === undefined || (policy === 'writes' && method === 'get')) continue;
    isAny = true;
    for (const [status, response] of Object.entries(responses) as [string, { headers?: object }][]) {
      if (!/^2|429/.test(status)) continue;
      const names = Object.keys(LIMIT_HEADERS);
      const headers = names.map((name) => [name, { $ref: `#/components/headers/${name}` }] as const);
      response.headers = { ...response.headers, ...Object.fromEntries(headers) };
    }
  }
  if (isAny) components.headers = { ...components.headers, ...LIMIT_HEADERS };
}

/** As the router does. */
function limitPath({ in: place, schema }: Parameter): void {
  if (place === 'path' && schema?.type === 'string' && schema.format === undefined) {
    schema.maxLength ??= LONGEST_PARAMETER;
  }
}

function contentsOf({ requestBody, responses }: Operation): MediaType[] {
  const bodies = [requestBody, ...Object.values(responses)] as ({ content?: Content } | undefined)[];
  return bodies.flatMap((body) => Object.values(body?.content ?? {}));
}

/** Moves inline schemas with a title, which many operations share, to the named schemas. */
function shareTitled(schema: Schema, schemas: Schemas): Schema {
  if (schema.anyOf) return { ...schema, anyOf: schema.anyOf.map((one) => shareTitled(one, schemas)) };
  const { title, ...rest } = schema;
  if (title === undefined) return schema;
  if (JSON.stringify((schemas[title] ??= rest)) !== JSON.stringify(rest)) {
    throw new Error(`The API description has two different schemas named ${title}.`);
  }
  return { $ref: `#/components/schemas/${title}` };
}

/** One example, combined from those of the fields, or one for each alternative. */
function examplesOf(schema: Schema = {}, schemas: Schemas): Pick<MediaType, 'example' | 'examples'> {
  const alternatives = schema.oneOf ?? schema.anyOf ?? [];
  if (schema.example === undefined && alternatives.length > 1) {
    const named = alternatives.map((one, index) => [nameOf(one) ?? index, { value: exampleOf(one, schemas) }] as const);
    return { examples: Object.fromEntries(named) };
  }
  const example = exampleOf(schema, schemas);
  return example === undefined ? {} : { example };
}

/** @returns undefined where nothing has an example; a field without one is left out */
function exampleOf(schema: Schema, schemas: Schemas): unknown {
  const { example, properties, items, allOf = [], oneOf, anyOf } = schema;
  if (example !== undefined) return example;
  const base = schemas[nameOf(schema) ?? ''] ?? oneOf?.[0] ?? anyOf?.[0];
  if (base) return exampleOf(base, schemas);
  if (items) {
    const item = exampleOf(items, schemas);
    return item === undefined ? undefined : [item];
  }
  if (!properties && allOf.length === 0) return undefined;
  const own = Object.entries(properties ?? {}).map(([name, property]) => [name, exampleOf(property, schemas)] as const);
  return Object.assign(
    {},
    ...allOf.map((part) => exampleOf(part, schemas)),
    Object.fromEntries(own.filter(([, value]) => value !== undefined)),
  );
}

function nameOf({ $ref }: Schema): string | undefined {
  return $ref?.split('/').at(-1);
}
