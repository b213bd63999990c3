import { describe, expect, it } from '@jest/globals';
import { getMetadataStorage, IsInt, IsString, validate, ValidateNested } from 'class-validator';
import { rememberRules } from './validation-rules.js';

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
