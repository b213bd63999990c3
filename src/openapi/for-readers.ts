import type { OpenAPIObject } from '@nestjs/swagger';
import type { MediaType, Operation, Schema, Schemas } from './description.js';

/** What this server makes, and nobody else can: ids, and tokens of every kind. */
const ISSUED =
  /^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:\.|$)|[0-9a-f]{32}$|api_(?:live_|test_)?[a-z2-7]{26,}$)/;

/** In Markdown. */
const GET_STARTED = `## Get started

1. Have the credentials of the first start at hand. It shows them, and keeps them in \`bootstrap.txt\`, in the folder of its data.
2. Press **Authorize**. Give the App-Token to \`app-token\`, and the client's id and secret to \`oauth2\`. They stay in this tab until it is closed.
3. Execute \`POST /api/v1/token\` with the email and the password of the admin, and give its \`token\` to \`token\` under **Authorize**; that of \`POST /account/session\` is for \`session\`.
4. Open any operation, press **Try it out** and **Execute**. Its example works as it stands; fields that are blank want an id or a token of your own.

## Good to know`;

interface Parameter {
  required?: boolean;
  example?: unknown;
  schema?: Schema;
}

interface RequestBody {
  content?: Record<string, MediaType & { examples?: Record<string, { value?: unknown }> }>;
}

/** An example of what only the reader can know. */
interface Blank {
  example: string;
  /** Empties it in the description. */
  clear: () => void;
}

/**
 * Changes, in a description that Swagger UI shows, what its readers would have to change before they try an operation: that fills
 * in every example. Optional parameters filter, and with all of them lists are empty; ids and tokens that a server has made
 * (see {@link blanksOf}) do not exist; emails and names are one account's, and have `{once}` for the page to replace.
 */
export function suitReaders(document: OpenAPIObject): OpenAPIObject {
  const schemas = (document.components?.schemas ?? {}) as Schemas;
  document.info.description = `${GET_STARTED}\n\n${document.info.description ?? ''}`;
  for (const operation of Object.values(document.paths).flatMap((path) => Object.values(path) as Operation[])) {
    for (const parameter of (operation.parameters ?? []) as Parameter[]) if (!parameter.required) forget(parameter);
    for (const { clear } of blanksOf(operation, schemas)) clear();
    for (const example of Object.values(contentOf(operation)).flatMap(valuesOf)) markIn(example);
  }
  for (const { properties = {} } of Object.values(schemas)) {
    for (const [name, property] of Object.entries(properties)) property.example = marked(name, property.example);
  }
  return document;
}

/**
 * What of an operation only its reader can know: values of its path and of its body that look like ids or tokens which a server
 * makes. Those of a path count where the operation looks for something, so that it may answer 404; those of a body where the
 * field is required, or is all that the body has.
 */
export function blanksOf(operation: Operation, schemas: Schemas): Blank[] {
  const inPath = ((operation.parameters ?? []) as Parameter[]).flatMap((parameter) => {
    const example = parameter.example ?? parameter.schema?.example;
    if (!parameter.required || !('404' in operation.responses) || !isIssued(example)) return [];
    const clear = () => {
      forget(parameter);
    };
    return [{ example, clear }];
  });
  const media = Object.values(contentOf(operation));
  const inBody = media.flatMap((one) => valuesOf(one).flatMap((value) => blanksIn(value, one.schema ?? {}, schemas)));
  return [...inPath, ...inBody];
}

/** Of a form, Swagger UI shows the examples of the fields, otherwise that of the whole: so both are emptied. */
function blanksIn(value: unknown, schema: Schema, schemas: Schemas): Blank[] {
  if (typeof value !== 'object' || value === null) return [];
  const shown = value as Record<string, unknown>;
  const only = Object.keys(shown).length === 1 ? Object.keys(shown) : [];
  return partsOf(schema, schemas).flatMap(({ properties = {}, required = only }) =>
    required.flatMap((name) => {
      const example = shown[name];
      const property = properties[name] ?? {};
      if (!isIssued(example)) return blanksIn(example, property, schemas);
      const clear = () => {
        shown[name] = '';
        property.example = '';
      };
      return [{ example, clear }];
    }),
  );
}

/** @returns the schemas that a value has to fit: itself and, where it is made of others, those */
function partsOf(schema: Schema, schemas: Schemas): Schema[] {
  const base = schemas[schema.$ref?.split('/').at(-1) ?? ''];
  const parts = [...(base ? [base] : []), ...(schema.allOf ?? []), ...(schema.oneOf ?? []), ...(schema.anyOf ?? [])];
  return [schema, ...parts.flatMap((part) => partsOf(part, schemas))];
}

const contentOf = ({ requestBody }: Operation) => (requestBody as RequestBody | undefined)?.content ?? {};

const valuesOf = ({ example, examples = {} }: MediaType): unknown[] => [
  example,
  ...Object.values(examples).map((one) => (one as { value?: unknown }).value),
];

function forget(parameter: Parameter): void {
  delete parameter.example;
  delete parameter.schema?.example;
}

const isIssued = (value: unknown): value is string => typeof value === 'string' && ISSUED.test(value);

function markIn(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  const fields = value as Record<string, unknown>;
  for (const [name, one] of Object.entries(fields)) {
    fields[name] = marked(name, one);
    markIn(one);
  }
}

/** @returns the example of a field of this name, with a place for what makes it unique if it has to be */
function marked(name: string, example: unknown): unknown {
  if (typeof example !== 'string' || example.includes('{once}')) return example;
  if (/^(?:email|username)$/.test(name)) return example.replace('@', '.{once}@');
  return /^(?:account_)?name$/.test(name) ? `${example} {once}` : example;
}
