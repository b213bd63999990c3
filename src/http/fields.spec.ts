import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { DECORATORS } from '@nestjs/swagger';
import { loadConfig } from '../config/config.js';
import { ApiError } from '../errors/api-error.js';
import type { EntityManager } from 'typeorm';
import { Choice, Flag, Id, Name, Nested, Scopes, Text } from './fields.js';
import { RequestValidation } from './request-validation.js';

/** No field of these names an account. */
const NO_DATABASE = {} as EntityManager;

class Inner {
  @Text({ maxLength: 3 })
  text!: string;
}

class Body {
  @Text({ description: 'Any', maxLength: 3, required: false })
  text?: string;

  @Text({ maxLength: 3, nullable: true })
  note?: string | null;

  @Name({ required: false })
  name?: string;

  @Id({ required: false })
  id?: string;

  @Id({ required: false }, 'is not a valid cursor')
  owner?: string;

  @Flag({ required: false })
  flag?: boolean;

  @Choice(['a', 'b'], 'must be a or b', { description: 'Which', required: false })
  choice?: string;

  @Scopes(['read', 'write'], { required: false })
  scopes?: string[];

  @Nested(() => Inner)
  inner!: Inner;
}

const INNER = { text: 'abc' };

/** @returns what is said of a body; undefined: it is good */
async function problemsOf(body: object): Promise<unknown> {
  try {
    await new RequestValidation(loadConfig({}), NO_DATABASE).transform(
      { inner: INNER, ...body },
      { type: 'body', metatype: Body },
    );
    return undefined;
  } catch (error) {
    return (error as ApiError).details.fields;
  }
}

describe('fields', () => {
  it('may be absent where they are optional', async () => {
    expect(await problemsOf({})).toBeUndefined();
  });

  it.each(['text', 'name', 'id', 'owner', 'flag', 'choice', 'scopes'])('%s may not be null', async (field) => {
    expect(await problemsOf({ [field]: null })).toEqual({ [field]: [expect.any(String)] });
  });

  it('may be null where that means something', async () => {
    expect(await problemsOf({ note: null })).toBeUndefined();
    expect(await problemsOf({ note: 1 })).toEqual({ note: ['must be a string'] });
  });

  it.each<[field: string, value: unknown, message: string]>([
    ['text', 1, 'must be a string'],
    ['text', 'abcd', 'must be at most 3 characters'],
    ['name', 1, 'must be a string'],
    ['name', '\n'.repeat(256), 'must be at most 255 characters'],
    ['name', 'a\nb', 'must be one line of text'],
    ['id', 'x', 'must be a UUID'],
    ['owner', 'x', 'is not a valid cursor'],
    ['flag', 'true', 'must be true or false'],
    ['choice', 'c', 'must be a or b'],
    ['choice', ['a'], 'must be a or b'],
    ['scopes', 'read', 'must be a list of known scopes'],
    ['scopes', ['read', 'sing'], 'must be a list of known scopes'],
    ['scopes', ['sing', 'sing'], 'must be a list of known scopes'],
    ['scopes', ['read', 'read'], 'must not repeat a scope'],
    ['inner', 'x', 'must be an object'],
    ['inner', undefined, 'is required'],
    ['inner', null, 'is required'],
    ['inner', [INNER], 'must be an object'],
  ])('%s: of %j the first problem is told', async (field, value, message) => {
    expect(await problemsOf({ [field]: value })).toEqual({ [field]: [message] });
  });

  it('are left alone where they are no body and no query, as Nest leaves them', async () => {
    const validation = new RequestValidation(loadConfig({}), NO_DATABASE);
    expect(await validation.transform({ a: 1 }, { type: 'custom', metatype: Inner })).toEqual({ a: 1 });
    expect(await validation.transform({ id: 'x' }, { type: 'param', metatype: Object })).toEqual({ id: 'x' });
    expect(await validation.transform('7', { type: 'param', metatype: Number, data: 'count' })).toBe(7);
    expect(await validation.transform('7', { type: 'param', metatype: String, data: 'id' })).toBe('7');
  });

  it('are named without the object that they are in', async () => {
    expect(await problemsOf({ inner: { text: 'abcd' } })).toEqual({ text: ['must be at most 3 characters'] });
    expect(await problemsOf({ inner: {} })).toEqual({ text: ['is required'] });
  });

  it.each<[field: string, described: object]>([
    ['text', { type: String, description: 'Any', maxLength: 3, required: false }],
    ['note', { type: String, maxLength: 3, nullable: true, required: false }],
    ['name', { type: String, maxLength: 255, example: 'example', required: false }],
    ['id', { type: String, format: 'uuid', required: false }],
    ['choice', { type: 'string', description: 'Which', enum: ['a', 'b'], required: false }],
    ['inner', { type: Inner }],
  ])('%s is described', (field, described) => {
    expect(Reflect.getMetadata(DECORATORS.API_MODEL_PROPERTIES, Body.prototype, field)).toMatchObject(described);
  });
});
