import { IGNORES_UNKNOWN_EXTENSION } from '../access/access.js';
import type { MediaType, Operation, Schema, Schemas } from './description.js';

const JSON_TYPE = 'application/json';

/**
 * Says of the bodies of routes that refuse unknown fields that they have no others (`additionalProperties: false`). A schema
 * that a route which ignores them uses too stays open, and is copied.
 */
export function closeBodies(operations: Operation[], schemas: Schemas): void {
  const bodies = operations.flatMap((operation) => {
    const ignores = IGNORES_UNKNOWN_EXTENSION in operation;
    Reflect.deleteProperty(operation, IGNORES_UNKNOWN_EXTENSION);
    const { content = {} } = (operation.requestBody ?? {}) as { content?: Record<string, MediaType> };
    return Object.entries(content).map(([type, media]) => ({ media, isOpen: ignores || type !== JSON_TYPE }));
  });
  const open = new Set(bodies.filter(({ isOpen }) => isOpen).flatMap(({ media }) => namesIn(media.schema, schemas)));
  for (const { media, isOpen } of bodies) {
    if (!isOpen && media.schema) media.schema = closed(media.schema, schemas, open);
  }
}

/** @returns the names of all schemas that a schema leads to */
function namesIn(schema: Schema | undefined, schemas: Schemas): string[] {
  if (!schema) return [];
  const name = nameOf(schema);
  const parts = [...Object.values(schema.properties ?? {}), ...(schema.allOf ?? [])];
  return [
    ...(name === undefined ? [] : [name, ...namesIn(schemas[name], schemas)]),
    ...parts.flatMap((part) => namesIn(part, schemas)),
  ];
}

/** @returns the closed form of a reference; what is no reference to an object stays as it is */
function closed(schema: Schema, schemas: Schemas, open: Set<string>): Schema {
  const name = nameOf(schema);
  const target = schemas[name ?? ''];
  if (name === undefined || !target?.properties) return schema;
  const own = open.has(name) ? `Strict${name}` : name;
  const properties = Object.fromEntries(
    Object.entries(target.properties).map(([field, one]) => [field, closed(one, schemas, open)]),
  );
  schemas[own] = { ...target, properties, additionalProperties: false };
  return { ...schema, $ref: `#/components/schemas/${own}` };
}

const nameOf = ({ $ref }: Schema) => $ref?.split('/').at(-1);
