import { describe, expect, it } from '@jest/globals';
import type { OpenAPIObject } from '@nestjs/swagger';
import { completeDescription } from './description.js';

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const FRED = { type: 'object', properties: { name: { type: 'string', example: 'Fred' }, age: { type: 'integer' } } };
const LIST = { type: 'object', properties: { all: { type: 'array', items: ref('Fred') }, next: { example: null } } };

function complete(responses: Record<string, object>, more: object = {}) {
  const operation = { operationId: 'a', responses, ...more };
  const document = { paths: { '/': { get: operation, put: { operationId: 'a', responses: {} } } } };
  const components = { schemas: { Fred: FRED, List: LIST } };
  return completeDescription({ ...document, components } as unknown as OpenAPIObject) as unknown as {
    paths: Record<'/', Record<'get' | 'put', Record<string, unknown> & { responses: Record<string, unknown> }>>;
    components: { schemas: Record<string, object> };
  };
}

/** @returns the body as it is described in the end */
function mediaOf(media: object): object {
  const { paths } = complete({ 200: { content: { 'application/json': media } } });
  return (paths['/'].get.responses['200'] as { content: Record<string, object> }).content['application/json'] ?? {};
}

describe('Every operation', () => {
  it('has an id of its own, a description of each answer, and says what credential it wants', () => {
    const { get, put } = complete({ 201: { description: '' }, 204: { description: 'Gone' } }).paths['/'];
    expect([get.operationId, put.operationId]).toEqual(['a', 'a_2']);
    expect(get.responses).toEqual({ 201: { description: 'Created' }, 204: { description: 'Gone' } });
    expect(put.security).toEqual([]);
    expect(complete({}, { security: [{ session: [] }] }).paths['/'].get.security).toEqual([{ session: [] }]);
  });
});

describe('Every body has an example', () => {
  it.each<[name: string, schema: object, example: unknown]>([
    ['of its own', { ...FRED, example: 'own' }, 'own'],
    ['of its fields', FRED, { name: 'Fred' }],
    ['of what it refers to', ref('List'), { all: [{ name: 'Fred' }], next: null }],
    ['of its parts', { allOf: [ref('Fred')], properties: { more: { example: 1 } } }, { name: 'Fred', more: 1 }],
    ['of the first that a field may be', { properties: { a: { oneOf: [ref('Fred'), {}] } } }, { a: { name: 'Fred' } }],
  ])('made %s', (_, schema, example) => {
    expect(mediaOf({ schema })).toEqual({ schema, example });
  });

  it('for each of its shapes', () => {
    const schema = { oneOf: [ref('Fred'), ref('List')] };
    const examples = { Fred: { value: { name: 'Fred' } }, List: { value: { all: [{ name: 'Fred' }], next: null } } };
    expect(mediaOf({ schema })).toEqual({ schema, examples });
  });

  it('or keeps those that it has', () => {
    for (const given of [{ example: null }, { example: 1 }, { examples: { a: { value: 1 } } }]) {
      expect(mediaOf({ schema: FRED, ...given })).toEqual({ schema: FRED, ...given });
    }
  });
});

describe('A schema with a title', () => {
  const titled = (title: string, type: string) => ({
    content: { 'application/json': { schema: { title, type, example: 'a' } } },
  });

  it('is held once, under its title', () => {
    const { paths, components } = complete({ 400: titled('Error', 'string'), 401: titled('Error', 'string') });
    const media = { schema: ref('Error'), example: 'a' };
    expect(paths['/'].get.responses).toMatchObject({
      400: { content: { 'application/json': media } },
      401: { content: { 'application/json': media } },
    });
    expect(components.schemas.Error).toEqual({ type: 'string', example: 'a' });
  });

  it('shares its title with no other', () => {
    const twice = () => complete({ 400: titled('Error', 'string'), 401: titled('Error', 'integer') });
    expect(twice).toThrow('The API description has two different schemas named Error.');
  });
});
