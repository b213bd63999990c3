import 'reflect-metadata';
import { readdirSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { Type } from '@nestjs/common';
import {
  getMetadataStorage,
  IsBoolean,
  IsInt,
  IsString,
  registerDecorator,
  validate,
  ValidateBy,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { loadConfig } from '../config/config.js';
import { nestedType, readGood, ThoroughValidation } from './request-validation.js';
import { fieldsOf, hasPlainRules, keepsRules, rememberRules } from './validation-rules.js';

class Named {
  @IsString()
  name: unknown;

  @IsString({ groups: ['strict'] })
  nickname: unknown;
}

class Aged extends Named {
  @IsInt()
  age: unknown;
}

class Holding {
  @ValidateNested()
  held = new Aged();
}

rememberRules();

const rulesOf = (type: new () => object, groups?: string[]) =>
  getMetadataStorage().getTargetValidationMetadatas(type, '', false, false, groups);
const wrongIn = async (object: object, fields: object, groups?: string[]) =>
  (await validate(Object.assign(object, fields), { ...(groups && { groups }) })).map(({ property }) => property).sort();

describe('The rules of a class', () => {
  it('are collected once, with those of the classes that it extends', () => {
    expect(rulesOf(Aged)).toBe(rulesOf(Aged));
    expect(rulesOf(Aged).map(({ propertyName }) => propertyName)).toEqual(['age', 'name', 'nickname']);
    expect(rulesOf(Named).map(({ propertyName }) => propertyName)).toEqual(['name', 'nickname']);
  });

  it('hold for each object of it, and for no other', async () => {
    for (let time = 0; time < 2; time += 1) {
      expect(await wrongIn(new Aged(), { name: 1, nickname: 'a', age: 'b' })).toEqual(['age', 'name']);
      expect(await wrongIn(new Named(), { name: 1, nickname: 'a', age: 'b' })).toEqual(['name']);
      expect(await wrongIn(new Aged(), { name: 'a', nickname: 'a', age: 1 })).toEqual([]);
    }
  });

  it('hold for objects within others, and are collected once for them too', async () => {
    const holding = new Holding();
    const [problem] = await validate(holding);
    expect(problem?.children?.map(({ property }) => property).sort()).toEqual(['age', 'name', 'nickname']);
    const storage = getMetadataStorage();
    const within = () => storage.getTargetValidationMetadatas(Aged, 'Holding', false, false);
    expect(within()).toBe(within());
  });

  it('of a group are those of the group', async () => {
    expect(await wrongIn(new Aged(), { name: 1, nickname: 2, age: 'b' }, ['strict'])).toEqual(['nickname']);
    expect(await wrongIn(new Aged(), { name: 1, nickname: 2, age: 'b' })).toEqual(['age', 'name', 'nickname']);
  });
});

/** Values of all kinds that a body or a query may have, some of them right for each of our fields. */
const VALUES: unknown[] = [
  ...[undefined, null, true, false, 0, 1, 60, -1, 1.5, 2 ** 53, 1e12],
  ...[
    '',
    ' ',
    'a',
    '1',
    '60',
    '-1',
    'ab\ncd',
    'x'.repeat(2_100),
    '\u200b',
    'a b',
    'read',
    'all',
    'user',
    'api',
    'name',
  ],
  ...[
    'admin',
    'LIVE',
    'live',
    'CARD',
    'API',
    'en',
    'client_credentials',
    'access_token',
    'code',
    'S256',
    'https://example.org/a',
  ],
  ...['someone@example.org', 'example.org', '10.0.0.0/24', '192.0.2.1', '2026-11-22T12:00:00Z', '2026-02-30T12:00:00Z'],
  ...[
    '6f9619ff-8b86-4011-b42d-00c04fc964ff',
    '6F9619FF-8B86-4011-B42D-00C04FC964FF',
    '0123456789abcdef01234567',
    'f'.repeat(32),
  ],
  ...[
    [],
    ['a'],
    ['a', 'a'],
    [1],
    [null],
    ['read'],
    ['read', 'sing'],
    ['10.0.0.0/24'],
    ['example.org'],
    ['someone@example.org'],
  ],
  ...[['6f9619ff-8b86-4011-b42d-00c04fc964ff'], Array.from({ length: 101 }, (_, index) => `a${index}`)],
];

/** All classes of bodies and queries. */
async function dtos(): Promise<Type<object>[]> {
  const files = readdirSync(new URL('..', import.meta.url), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.dto.ts'),
  );
  const exported: unknown[] = [];
  for (const file of files) exported.push(...Object.values((await import(`../${file}`)) as Record<string, unknown>));
  const isDto = (value: unknown): value is Type<object> =>
    typeof value === 'function' && value.toString().startsWith('class ') && fieldsOf(value as Type<object>).length > 0;
  return [...new Set(exported.filter(isDto))];
}

/** A rule that says that it takes its time. */
const SlowRule = (): PropertyDecorator => (target, property) => {
  registerDecorator({
    ...{ name: 'slow', async: true, target: target.constructor, propertyName: String(property) },
    validator: { validate: () => true },
  });
};

const config = loadConfig({});
const thorough = new ThoroughValidation(config);

/** @returns what Nest's pipe makes of a body; undefined: it is refused */
const readThoroughly = (given: object, type: Type<object>) =>
  thorough.transform(given, { type: 'body', metatype: type }).then(
    (read) => read as object,
    () => undefined,
  );

/** @returns a body that is good as far as the values above allow it, with as many fields as may be */
async function goodFields(type: Type<object>): Promise<Record<string, unknown>> {
  const good: Record<string, unknown> = {};
  for (const field of fieldsOf(type)) {
    for (const value of VALUES) {
      if ((await wrongIn(new type(), { ...good, [field]: value })).includes(field)) continue;
      good[field] = value;
      // A field that may be absent is looked at with a value, if there is one.
      if (value !== undefined && value !== null) break;
    }
  }
  return good;
}

describe('What keeps its rules by a look at them', () => {
  it("is what Nest's pipe takes, and is read as it reads it: each field of all bodies and queries, with any value", async () => {
    const found = { taken: 0, refused: 0, leftToIt: 0 };
    for (const type of await dtos()) {
      const good = await goodFields(type);
      const isPlain = !fieldsOf(type).some((field) => nestedType(type, field));
      for (const field of [...fieldsOf(type), 'constructor', '__proto__', 'unknown']) {
        for (const value of VALUES) {
          const given = Object.defineProperty({ ...good }, field, { value, enumerable: true, configurable: true });
          const read = readGood(given, type, config);
          const expected = await readThoroughly(given, type);
          if (read === undefined && !(isPlain && fieldsOf(type).includes(field))) {
            found.leftToIt += 1;
            continue;
          }
          const told = (what: object | undefined) => what && [Object.getPrototypeOf(what), Object.entries(what)];
          expect({ type: type.name, field, value, read: told(read) }).toEqual({
            ...{ type: type.name, field, value },
            read: told(expected),
          });
          found[read ? 'taken' : 'refused'] += 1;
        }
      }
    }
    expect(found.taken).toBeGreaterThan(500);
    expect(found.refused).toBeGreaterThan(2_000);
    expect(found.leftToIt).toBeGreaterThan(0);
  });

  it('is only what holds no other object, and has rules that answer at once', () => {
    class Slow {
      @ValidateBy({ name: 'slow', validator: { validate: () => Promise.resolve(true) } })
      field: unknown;
    }
    expect(keepsRules(new Slow(), Slow)).toBe(false);
    class SaidToBeSlow {
      @SlowRule()
      field: unknown;
    }
    expect(hasPlainRules(SaidToBeSlow)).toBe(false);
    const holding = Object.assign(new Holding(), {
      held: Object.assign(new Aged(), { name: 'a', nickname: 'a', age: 1 }),
    });
    expect(keepsRules(holding, Holding)).toBe(false);
  });

  it('is no object of a class that gives its objects more than its fields', () => {
    class Generous {
      @IsString()
      name: unknown;

      extra = 'x';
    }
    expect(hasPlainRules(Generous)).toBe(false);
    expect(readGood({ name: 'a' }, Generous, loadConfig({}))).toBeUndefined();
  });

  it('passes over what need not be kept, and looks at each entry of a list where that is meant', () => {
    class Some {
      @ValidateIf((some: Some) => some.isAsked)
      @IsString()
      name: unknown;

      @IsString({ each: true })
      names: unknown;

      @IsInt({ validateIf: (some: Some) => some.isAsked })
      age: unknown;

      @IsBoolean()
      isAsked = true;
    }
    const isKept = (fields: object) =>
      keepsRules(Object.assign(new Some(), { name: 'a', names: ['a'], age: 1, ...fields }), Some);
    expect(isKept({})).toBe(true);
    expect(isKept({ name: 1 })).toBe(false);
    expect(isKept({ age: 'a' })).toBe(false);
    expect(isKept({ isAsked: false, name: 1, age: 'a' })).toBe(true);
    expect(isKept({ names: ['a', 1] })).toBe(false);
    expect(isKept({ names: [] })).toBe(true);
    expect(isKept({ names: 1 })).toBe(false);
  });
});
