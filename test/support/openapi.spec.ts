import { beforeEach, describe, expect, it } from '@jest/globals';
import type { OpenAPIObject } from '@nestjs/swagger';
import { SeenAnswers, type SeenAnswer } from './openapi.js';

const json = (schema: object) => ({ description: '', content: { 'application/json': { schema } } });
const text = { type: 'string' };
const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });

const DOCUMENT = {
  openapi: '3.0.0',
  info: { title: '', version: '' },
  paths: {
    '/things': {
      get: {
        responses: { 200: json({ type: 'object', properties: { things: { type: 'array', items: ref('Thing') } } }) },
      },
      post: { responses: { 201: json(ref('Thing')), 204: { description: '' } } },
    },
    '/things/{id}': { get: { responses: { 200: json({ oneOf: [ref('Thing'), ref('Other')] }) } } },
    '/things/{id}/{part}': { delete: { responses: { 200: json(ref('Thing')) } } },
    '/things/{id}/all': { delete: { responses: { 204: { description: '' } } } },
    '/larger': {
      get: { responses: { 200: json({ allOf: [ref('Thing'), { properties: { size: { type: 'integer' } } }] }) } },
    },
    '/open': {
      get: { responses: { 200: json({ type: 'object', properties: { a: text }, additionalProperties: text }) } },
    },
  },
  components: {
    schemas: {
      Thing: {
        type: 'object',
        properties: {
          id: { type: 'string', format: 'uuid', example: 'an annotation' },
          made: { type: 'string', format: 'date-time', nullable: true },
          owner: { type: 'object', nullable: true, allOf: [ref('Other')] },
        },
        required: ['id'],
      },
      Other: { type: 'object', properties: { name: text }, required: ['name'] },
    },
  },
} as unknown as OpenAPIObject;

const ID = '550e8400-e29b-41d4-a716-446655440000';
const THING = { id: ID, made: '2015-01-01T12:00:00Z', owner: { name: 'a' } };

let answers: SeenAnswers;

beforeEach(() => {
  answers = new SeenAnswers(() => DOCUMENT);
});

/** @returns what is found on one answer */
function findingsOn(answer: Partial<SeenAnswer>): string[] {
  const contentType = 'application/json; charset=utf-8';
  answers.add({ method: 'POST', path: '/things', status: 201, contentType, body: THING, ...answer });
  return answers.undescribed();
}

describe('An answer is as described', () => {
  it.each<[name: string, answer: Partial<SeenAnswer>]>([
    ['in full', {}],
    ['without what is optional', { body: { id: ID } }],
    ['with null where it may be', { body: { id: ID, made: null, owner: null } }],
    ['without a body', { status: 204, contentType: null, body: '' }],
    ['in a list', { method: 'GET', status: 200, body: { things: [THING, THING] } }],
    ['in the one shape', { method: 'GET', path: `/things/${ID}`, status: 200 }],
    ['in the other shape', { method: 'GET', path: `/things/${ID}`, status: 200, body: { name: 'a' } }],
    ['in parts', { method: 'GET', path: '/larger', status: 200, body: { ...THING, size: 1 } }],
    ['with fields that it says may come', { method: 'GET', path: '/open', status: 200, body: { a: 'a', b: 'b' } }],
    ['at a path with a slash and a query', { path: '/things/?a=/b' }],
    ['at the path that has no parameter there', { method: 'DELETE', path: '/things/a/all', status: 204, body: '' }],
    ['when nothing has changed', { method: 'GET', status: 304, contentType: null, body: '' }],
  ])('%s', (_, answer) => {
    expect(findingsOn(answer)).toEqual([]);
    expect(answers.seen()).toHaveLength(1);
  });
});

describe('An answer is found out', () => {
  it.each<[name: string, answer: Partial<SeenAnswer>, finding: string]>([
    ['by its status', { status: 418 }, 'POST /things 418: the status is not described'],
    ['by its content type', { contentType: 'text/html' }, 'the content type "text/html" is not described'],
    ['without a content type', { contentType: null }, 'the content type "" is not described'],
    ['by a body that should not be', { status: 204, body: 'a' }, 'POST /things 204: a body is not described'],
    ['by a body that is missing', { body: '' }, 'the body that is described is missing'],
    ['by a body of another kind', { body: [THING] }, 'must be object'],
    ['by a field that is missing', { body: {} }, "must have required property 'id'"],
    ['by a wrong type', { body: { id: 5 } }, '/id must be string'],
    ['by a wrong format', { body: { id: 'a' } }, '/id must match format "uuid"'],
    ['by null', { body: { id: null } }, '/id must be string'],
    ['by a field that nobody described', { body: { ...THING, secret: 'a' } }, 'unevaluated properties: secret'],
    ['by such a field inside', { body: { ...THING, owner: { name: 'a', more: 1 } } }, 'unevaluated properties: more'],
    ['by such a field of a part', { method: 'GET', path: '/larger', status: 200, body: { ...THING, more: 1 } }, 'more'],
    [
      'by such a field in a list',
      { method: 'GET', status: 200, body: { things: [{ id: ID, more: 1 }] } },
      '/things/* must',
    ],
    [
      'by a mixture of two shapes',
      { method: 'GET', path: '/things/a', status: 200, body: { ...THING, name: 'a' } },
      'oneOf',
    ],
  ])('%s', (_, answer, finding) => {
    expect(findingsOn(answer)).toEqual([expect.stringContaining(finding)]);
  });

  it('once, however often it was given', () => {
    findingsOn({ status: 418 });
    expect(findingsOn({ status: 418 })).toHaveLength(1);
    expect(findingsOn({ status: 419 })).toHaveLength(2);
  });
});

describe('What is no operation is left out', () => {
  it.each<Partial<SeenAnswer>>([
    { method: 'PUT', status: 405 },
    { path: '/nothing', status: 404 },
    { path: '/things//', status: 404 },
    { path: '/Things', status: 404 },
  ])('%j', (answer) => {
    expect(findingsOn(answer)).toEqual([]);
    expect(answers.seen()).toEqual([]);
  });
});

it('names each operation that was seen once for each status', () => {
  for (const status of [201, 204, 201]) findingsOn({ status });
  findingsOn({ method: 'GET', path: '/things/a', status: 200 });
  expect(answers.seen()).toEqual(['GET /things/{id} 200', 'POST /things 201', 'POST /things 204']);
});
