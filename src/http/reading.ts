import type { Type } from '@nestjs/common';
import { Transform } from 'class-transformer';
import { oncePerClass } from './per-class.js';

type Read = (value: unknown) => unknown;
type Fields = Record<string, unknown>;

const READINGS = Symbol('how fields are read');

const declared = (prototype: object) =>
  (Reflect.getMetadata(READINGS, prototype) ?? []) as { property: string; read: Read }[];
const readingsOf = oncePerClass((type) => declared(type.prototype as object));

/** The field is read as this makes it of what was sent, before its rules are looked at; unless it is absent. */
export function ReadAs(read: Read): PropertyDecorator {
  return (target, property) => {
    const readings = [...declared(target), { property: String(property), read }];
    Reflect.defineMetadata(READINGS, readings, target);
    Transform(({ obj, key }: { obj: Fields; key: string }) => read(obj[key]))(target, property);
  };
}

/**
 * Makes of fields without objects in them, all of which the class has, what class-transformer makes of them. It looks for much
 * that our classes have not, which takes a twentieth of a request with a body.
 */
export function readFlat(type: Type<object>, fields: object): Fields {
  const object = Object.assign(new type() as Fields, fields);
  for (const { property, read } of readingsOf(type)) {
    if (Object.hasOwn(fields, property)) object[property] = read(object[property]);
  }
  return object;
}
