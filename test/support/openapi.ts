import type { OpenAPIObject } from '@nestjs/swagger';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { madeOnce } from './made-once.js';

/** What is kept of an answer. */
export interface SeenAnswer {
  method: string;
  /** As it was sent; a query is ignored. */
  path: string;
  status: number;
  contentType: string | null;
  /** Parsed when it is JSON; an empty text when there is none. */
  body: unknown;
}

/** The answers that a suite has seen, to be compared with what OpenAPI says of them. */
export class SeenAnswers {
  private readonly all: SeenAnswer[] = [];
  private description: Description | undefined;

  /** @param name of the document: suites that give the same one share what it takes to compare with it */
  constructor(
    private readonly document: () => OpenAPIObject,
    private readonly name?: string,
  ) {}

  add(answer: SeenAnswer): void {
    this.all.push(answer);
  }

  /** @returns what OpenAPI does not say, or says otherwise, of answers by operations that it knows; each finding once */
  undescribed(): string[] {
    const description = this.describe();
    return [...new Set(this.all.flatMap((answer) => description.findingOn(answer) ?? []))];
  }

  /** @returns the operations that have answered, each with each status, as `METHOD template status` */
  seen(): string[] {
    const description = this.describe();
    return [...new Set(this.all.flatMap((answer) => description.nameOf(answer) ?? []))].sort();
  }

  private describe(): Description {
    const make = () => new Description(this.document());
    this.description ??= this.name === undefined ? make() : madeOnce(`description of ${this.name}`, make);
    return this.description;
  }
}

interface Schema {
  $ref?: string;
  nullable?: boolean;
  properties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  items?: Schema;
  allOf?: Schema[];
  oneOf?: Schema[];
  anyOf?: Schema[];
}

interface Response {
  content?: Record<string, { schema?: Schema }>;
}

interface Operation {
  template: string;
  method: string;
  segments: string[];
  responses: Record<string, Response>;
}

/** Words of OpenAPI 3.0 that say nothing about what a value may be. */
const ANNOTATIONS = ['example', 'externalDocs', 'xml', 'discriminator'];

class Description {
  private readonly operations: Operation[];
  private readonly ajv = new Ajv2020({
    strict: true,
    strictTypes: false,
    strictRequired: false,
    // They are made here, and checking them takes longer than all else.
    validateSchema: false,
  });
  private readonly validators = new Map<Schema, ValidateFunction>();

  constructor({ paths, components }: OpenAPIObject) {
    this.operations = Object.entries(paths).flatMap(([template, item]) =>
      Object.entries(item as Record<string, { responses: Record<string, Response> }>).map(
        ([method, { responses }]) => ({
          template,
          method: method.toUpperCase(),
          segments: template.split('/'),
          responses,
        }),
      ),
    );
    formats.default(this.ajv);
    this.ajv.addFormat('idn-email', /^.+@[^@]+$/);
    this.ajv.addVocabulary(ANNOTATIONS);
    const schemas = Object.entries((components?.schemas ?? {}) as Record<string, Schema>);
    this.ajv.addSchema({
      $id: 'components',
      $defs: Object.fromEntries(
        schemas.flatMap(([name, schema]) => [
          [name, closed(schema)],
          [`${name}.part`, closed(schema, true)],
        ]),
      ),
    });
  }

  nameOf(answer: SeenAnswer): string | undefined {
    const operation = this.operationOf(answer);
    return operation && `${operation.method} ${operation.template} ${answer.status}`;
  }

  findingOn(answer: SeenAnswer): string | undefined {
    const operation = this.operationOf(answer);
    if (!operation) return undefined;
    const problem = this.problemOf(operation, answer);
    return problem && `${operation.method} ${operation.template} ${answer.status}: ${problem}`;
  }

  /** A method that a path does not have, and a path that there is not, are no operations. */
  private operationOf({ method, path }: SeenAnswer): Operation | undefined {
    const [plain = ''] = path.split(/[?#]/, 1);
    const segments = plain.replace(/(?<=.)\/$/, '').split('/');
    const found = this.operations.filter((one) => one.method === method && matches(one.segments, segments));
    return found.sort((one, other) => parametersIn(one) - parametersIn(other))[0];
  }

  private problemOf({ responses }: Operation, { status, contentType, body }: SeenAnswer): string | undefined {
    // Said once, in the description of the API.
    if (status === 304) return undefined;
    const response = responses[status];
    if (!response) return 'the status is not described';
    if (!response.content) return body === '' ? undefined : 'a body is not described';
    if (body === '') return 'the body that is described is missing';
    const type = (contentType ?? '').split(';', 1)[0] ?? '';
    // What is described may name parameters too, such as a version.
    const media = Object.entries(response.content).find(([name]) =>
      `${contentType ?? ''};`.startsWith(`${name};`),
    )?.[1];
    if (!media?.schema) return `the content type "${type}" is not described`;
    const validate = this.validatorFor(media.schema);
    if (validate(body)) return undefined;
    return (validate.errors ?? [])
      .map(({ instancePath, message, params }) => {
        const field = (params.unevaluatedProperty ?? params.additionalProperty) as string | undefined;
        const place = instancePath.replace(/\/\d+(?=\/|$)/g, '/*');
        return `${place} ${message ?? ''}${field === undefined ? '' : `: ${field}`}`.trim();
      })
      .join('; ');
  }

  private validatorFor(schema: Schema): ValidateFunction {
    const validator = this.validators.get(schema) ?? this.ajv.compile(closed(schema));
    this.validators.set(schema, validator);
    return validator;
  }
}

function matches(template: string[], segments: string[]): boolean {
  return (
    template.length === segments.length &&
    template.every((part, index) => (part.startsWith('{') ? segments[index] !== '' : part === segments[index]))
  );
}

const parametersIn = ({ segments }: Operation) => segments.filter((part) => part.startsWith('{')).length;

/**
 * Turns a schema of OpenAPI 3.0 into one of JSON Schema 2020-12 that is stricter: an object whose fields are named has
 * no others, unless it says so itself.
 *
 * @param isPart whether other schemas describe the same object: then it has their fields too
 */
function closed(schema: Schema, isPart = false): object {
  const { $ref, nullable, properties, additionalProperties, items, allOf, oneOf, anyOf, ...rest } = schema;
  if ($ref !== undefined) return { $ref: `components#/$defs/${$ref.split('/').at(-1) ?? ''}${isPart ? '.part' : ''}` };
  const closes = !isPart && additionalProperties === undefined && (properties !== undefined || allOf !== undefined);
  const alternative = (one: Schema) => closed(one, isPart || closes);
  const converted = {
    ...rest,
    ...(properties && { properties: mapValues(properties, (one) => closed(one)) }),
    ...(additionalProperties !== undefined && {
      additionalProperties:
        typeof additionalProperties === 'object' ? closed(additionalProperties) : additionalProperties,
    }),
    ...(items && { items: closed(items) }),
    ...(allOf && { allOf: allOf.map((one) => closed(one, true)) }),
    ...(oneOf && { oneOf: oneOf.map(alternative) }),
    ...(anyOf && { anyOf: anyOf.map(alternative) }),
    ...(closes && { unevaluatedProperties: false }),
  };
  return nullable ? { anyOf: [converted, { type: 'null' }] } : converted;
}

function mapValues<From, To>(record: Record<string, From>, change: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}
