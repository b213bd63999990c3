import type { OpenAPIObject } from '@nestjs/swagger';
import type { MediaType, Operation, Schema, Schemas } from './description.js';

/** Changes what programs that generate clients of the description would stumble over. */
export function suitGenerators({ components = {} }: OpenAPIObject, operations: Operation[]): void {
  const schemas = (components.schemas ??= {}) as Schemas;
  giveUniqueIds(operations);
  for (const operation of operations) {
    for (const schema of schemasOf([operation.requestBody], schemas)) tellDefault(schema);
  }
  const replaced = [...schemasOf(operations, schemas)].flatMap((schema) => allowNull(schema, schemas));
  const used = schemasOf(operations, schemas);
  for (const name of replaced) if (schemas[name] && !used.has(schemas[name])) Reflect.deleteProperty(schemas, name);
}

/**
 * An operation id becomes the name of a function, often in another case. Nest describes a route with several paths once
 * for each, and appends `[0]`, `[1]` and so on.
 */
function giveUniqueIds(operations: Operation[]): void {
  const taken = new Set<string>();
  const take = (id: string) => {
    const name = id.replaceAll('_', '').toLowerCase();
    return !taken.has(name) && taken.add(name);
  };
  for (const operation of operations) {
    const id = (operation.operationId ?? '').replace(/\[\d+\]$/, '');
    let unique = id;
    for (let count = 2; !take(unique); count += 1) unique = `${id}_${count}`;
    operation.operationId = unique;
  }
}

/** Generators send a default by themselves, or require a field that has one: so it is only told. */
function tellDefault(schema: Schema): void {
  if (!('default' in schema)) return;
  const told = `By default \`${String(schema.default)}\`.`;
  schema.description = schema.description ? `${schema.description.replace(/\.?$/, '.')} ${told}` : told;
  delete schema.default;
}

/**
 * Beside `allOf`, `nullable` allows no null unless what it refers to does: so that gets a copy that does.
 * @returns the names of what is referred to by a copy now
 */
function allowNull(schema: Schema, schemas: Schemas): string[] {
  if (!schema.nullable) return [];
  return (schema.allOf ?? []).flatMap((part) => {
    const name = nameOf(part);
    const target = schemas[name ?? ''];
    if (name === undefined || !target || target.nullable) return [];
    schemas[`Nullable${name}`] = { ...target, nullable: true };
    part.$ref = `#/components/schemas/Nullable${name}`;
    return [name];
  });
}

/** Of a client that cannot use HTTP Basic (RFC 6749 section 2.3.1). */
const IN_BODY = { client_id: '0198a6f0-51c2-7d3e-9b1f-2f64c1d2a7e5', client_secret: 'the secret of the client' };

/**
 * Shows a client's id and secret in the body in an example of their own. Collections of requests, which are made of the first
 * example, would send them beside HTTP Basic, and two ways at once are refused.
 */
export function showCredentialsApart(operations: Operation[]): void {
  for (const { requestBody } of operations) {
    const { content = {} } = (requestBody ?? {}) as { content?: Record<string, MediaType> };
    for (const media of Object.values(content)) {
      const { client_id: id, client_secret: secret, ...basic } = { ...(media.example as Record<string, unknown>) };
      if (id === undefined || secret === undefined) continue;
      delete media.example;
      media.examples = {
        basic: { summary: 'With the id and secret of the client as HTTP Basic', value: basic },
        in_body: { summary: 'With the id and secret in the body', value: { ...basic, ...IN_BODY } },
      };
    }
  }
}

/** What holds examples, which are no schemas whatever they look like. */
const EXAMPLES = new Set<keyof (MediaType & Schema)>(['example', 'examples', 'default']);

/** @returns everything that these parts of the description contain or refer to, each object once */
function schemasOf(parts: unknown[], schemas: Schemas, seen = new Set<Schema>()): Set<Schema> {
  for (const part of parts) {
    if (typeof part !== 'object' || part === null || seen.has(part)) continue;
    seen.add(part);
    const inside = Object.entries(part).filter(([key]) => !EXAMPLES.has(key as keyof Schema));
    schemasOf([...inside.map(([, value]) => value as unknown), schemas[nameOf(part) ?? '']], schemas, seen);
  }
  return seen;
}

const nameOf = ({ $ref }: Schema) => $ref?.split('/').at(-1);
