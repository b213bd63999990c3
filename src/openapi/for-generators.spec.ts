import { describe, expect, it } from '@jest/globals';
import type { OpenAPIObject } from '@nestjs/swagger';
import { completeDescription, type MediaType, type Operation, type Schemas } from './description.js';

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const JSON_TYPE = 'application/json';
const PERSON = { type: 'object', properties: { name: { type: 'string', example: 'Fred' } } };

interface Described {
  operations: Pick<Operation, 'operationId' | 'requestBody'>[];
  schemas: Schemas;
}

/** @returns the given operations as they are described in the end, with the named schemas */
function complete(operations: object[], schemas: object = {}): Described {
  const paths = Object.fromEntries(
    operations.map((operation, index) => [`/${index}`, { post: { responses: {}, ...operation } }]),
  );
  const document = completeDescription({ paths, components: { schemas } } as unknown as OpenAPIObject);
  return {
    operations: Object.values(document.paths).flatMap(({ post }) => post ?? []),
    schemas: document.components?.schemas as Schemas,
  };
}

const takes = (schema: object, more: object = {}) => ({
  operationId: 'a',
  requestBody: { content: { [JSON_TYPE]: { schema } } },
  ...more,
});
const gives = (schema: object) => ({
  operationId: 'a',
  responses: { 200: { description: 'It', content: { [JSON_TYPE]: { schema } } } },
});

describe('Operation ids', () => {
  it('are identifiers, each of them one of its own, in whatever case they are written', () => {
    const ids = ['Auth_show[0]', 'Auth_show[1]', 'Auth_show_2', 'authShow', 'Other_show'];
    const { operations } = complete(ids.map((operationId) => ({ operationId })));
    expect(operations.map(({ operationId }) => operationId)).toEqual([
      'Auth_show',
      'Auth_show_2',
      'Auth_show_2_2',
      'authShow_3',
      'Other_show',
    ]);
  });
});

describe('A default in a body', () => {
  it('is told, as generated clients would send it by themselves', () => {
    const fields = {
      a: { type: 'boolean', description: 'Whether', default: false, example: true },
      b: { type: 'string', default: 'user', example: 'admin' },
      c: { type: 'string', example: 'default' },
    };
    const { schemas } = complete([takes(ref('Outer'))], {
      Outer: { type: 'object', properties: { inner: ref('Inner') } },
      Inner: { type: 'object', properties: fields },
    });
    expect(schemas.Inner?.properties).toEqual({
      a: { type: 'boolean', description: 'Whether. By default `false`.', example: true },
      b: { type: 'string', description: 'By default `user`.', example: 'admin' },
      c: fields.c,
    });
  });

  it('stays where it stands in an answer alone', () => {
    const answer = { type: 'object', properties: { a: { type: 'boolean', default: false, example: true } } };
    expect(complete([gives(ref('Answer'))], { Answer: structuredClone(answer) }).schemas.Answer).toEqual(answer);
  });
});

describe('null beside allOf', () => {
  const orNull = () => ({ nullable: true, type: 'object', allOf: [ref('Person')] });

  it('is allowed by what it refers to, which nobody else has to allow', () => {
    const answer = { type: 'object', properties: { a: orNull(), b: orNull(), c: ref('Person') } };
    const { schemas } = complete([gives(ref('Answer'))], { Answer: answer, Person: PERSON });
    const allowed = { ...orNull(), allOf: [ref('NullablePerson')] };
    expect(schemas.Answer?.properties).toEqual({ a: allowed, b: allowed, c: ref('Person') });
    expect(schemas).toMatchObject({ Person: PERSON, NullablePerson: { ...PERSON, nullable: true } });
    expect(schemas.Person).not.toHaveProperty('nullable');
  });

  it('leaves no schema that nothing refers to', () => {
    expect(Object.keys(complete([gives(orNull())], { Person: PERSON }).schemas)).toEqual(['NullablePerson']);
  });
});

describe('The id and secret of a client in the body', () => {
  it('are in an example of their own, the second', () => {
    const text = { type: 'string', example: '' };
    const properties = { client_id: text, client_secret: text, scope: { type: 'string', example: 'read' } };
    const [operation] = complete([takes({ type: 'object', properties })]).operations;
    const { content } = operation?.requestBody as unknown as { content: Record<string, MediaType> };
    const { example, examples = {} } = content[JSON_TYPE] ?? {};
    expect(example).toBeUndefined();
    expect(Object.values(examples)).toEqual([
      { summary: expect.any(String), value: { scope: 'read' } },
      {
        summary: expect.any(String),
        value: { scope: 'read', client_id: expect.stringMatching(/./), client_secret: expect.stringMatching(/./) },
      },
    ]);
  });
});
