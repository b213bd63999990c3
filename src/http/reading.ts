import type { Type } from '@nestjs/common';
import { Transform } from 'class-transformer';
import { FieldNotes } from './field-notes.js';

type Read = (value: unknown) => unknown;
type Fields = Record<string, unknown>;

const readings = new FieldNotes<{ read: Read }>();

/** The field is read as this makes it of what was sent, before its rules are looked at; unless it is absent. Once for each field. */
export function ReadAs(read: Read): PropertyDecorator {
  return (target, property) => {
    readings.add(target, property, { read });
    Transform(({ obj, key }: { obj: Fields; key: string }) => read(obj[key]))(target, property);
  };
}

/**
 * Reads an object without objects in it, all of whose fields the class has, as class-transformer does. That looks for much which our
 * classes have not: a twentieth of a request with a body.
 */
export function readFlat(type: Type<object>, fields: object): Fields {
  const object = Object.assign(new type() as Fields, fields);
  for (const { property, read } of readings.of(type)) {
    if (Object.hasOwn(fields, property)) object[property] = read(object[property]);
  }
  return object;
}
